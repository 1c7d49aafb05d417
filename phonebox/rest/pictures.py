"""How does each thing look in the REST API's JSON?"""

from collections.abc import Mapping
from typing import Any

from phonebox.network.application import API_VERSION
from phonebox.network.calls import CallStatus, Direction, Leg
from phonebox.network.conferences import Conference, Participant
from phonebox.network.messages import Message
from phonebox.network.numbers import OwnNumber
from phonebox.network.queues import Member, Queue
from phonebox.network.recordings import Recording
from phonebox.timing import rfc2822, utcnow

Picture = dict[str, Any]

PARTICIPANT_STATUS = {
    CallStatus.QUEUED: "queued",
    CallStatus.INITIATED: "connecting",
    CallStatus.RINGING: "ringing",
    CallStatus.IN_PROGRESS: "connected",
    CallStatus.COMPLETED: "complete",
}


def _address(account: str, path: str) -> str:
    return f"/{API_VERSION}/Accounts/{account}/{path}.json"


def call(leg: Leg, account: str) -> Picture:
    """https://www.twilio.com/docs/voice/api/call-resource#call-properties"""
    address = _address(account, f"Calls/{leg.sid}")
    return {
        "sid": leg.sid,
        "account_sid": account,
        "parent_call_sid": leg.parent.sid if leg.parent else None,
        "phone_number_sid": None,
        "to": leg.to,
        "to_formatted": leg.to,
        "from": leg.from_,
        "from_formatted": leg.from_,
        "status": leg.status.value,
        "date_created": rfc2822(leg.created_at),
        "date_updated": rfc2822(leg.ended_at or leg.answered_at or leg.created_at),
        "start_time": rfc2822(leg.answered_at or (leg.created_at if _is_inbound(leg) else None)),
        "end_time": rfc2822(leg.ended_at),
        "duration": str(leg.talk_seconds()) if leg.ended else None,
        "price": None,
        "price_unit": "USD",
        "direction": leg.direction.value,
        "answered_by": leg.answered_by if "MachineDetection" in leg.details else None,
        "api_version": API_VERSION,
        "forwarded_from": leg.details.get("ForwardedFrom"),
        "group_sid": None,
        "caller_name": leg.details.get("CallerName"),
        "queue_time": str((leg.queue_seconds or 0) * 1000),
        "stir_verstat": leg.details.get("StirVerstat"),
        "trunk_sid": None,
        "uri": address,
        "subresource_uris": {"recordings": _address(account, f"Calls/{leg.sid}/Recordings")},
    }


def _is_inbound(leg: Leg) -> bool:
    return leg.direction is Direction.INBOUND


def queue(queue: Queue, account: str) -> Picture:
    """https://www.twilio.com/docs/voice/api/queue-resource"""
    return {
        "sid": queue.sid,
        "account_sid": account,
        "friendly_name": queue.friendly_name,
        "current_size": len(queue.members),
        "max_size": queue.max_size,
        "average_wait_time": queue.average_seconds,
        "date_created": rfc2822(queue.created_at),
        "date_updated": rfc2822(queue.updated_at),
        "uri": _address(account, f"Queues/{queue.sid}"),
        "subresource_uris": {"members": _address(account, f"Queues/{queue.sid}/Members")},
    }


def member(queue: Queue, who: Member, account: str) -> Picture:
    """https://www.twilio.com/docs/voice/api/member-resource"""
    return {
        "call_sid": who.leg.sid,
        "queue_sid": queue.sid,
        "date_enqueued": rfc2822(who.enqueued_at),
        "position": queue.members.index(who) + 1,
        "wait_time": who.seconds(),
        "uri": _address(account, f"Queues/{queue.sid}/Members/{who.leg.sid}"),
    }


def conference(room: Conference, account: str) -> Picture:
    """https://www.twilio.com/docs/voice/api/conference-resource"""
    return {
        "sid": room.sid,
        "account_sid": account,
        "friendly_name": room.friendly_name,
        "status": room.status.value,
        "date_created": rfc2822(room.created_at),
        "date_updated": rfc2822(room.updated_at),
        "api_version": API_VERSION,
        "region": "us1",
        "reason_conference_ended": room.reason_ended or None,
        "call_sid_ending_conference": room.ended_by or None,
        "uri": _address(account, f"Conferences/{room.sid}"),
        "subresource_uris": {"participants": _address(account, f"Conferences/{room.sid}/Participants")},
    }


def participant(room: Conference, who: Participant, account: str) -> Picture:
    """https://www.twilio.com/docs/voice/api/conference-participant-resource"""
    return {
        "account_sid": account,
        "call_sid": who.leg.sid,
        "conference_sid": room.sid,
        "label": who.label or None,
        "muted": who.muted,
        "hold": who.hold,
        "coaching": bool(who.coaching),
        "call_sid_to_coach": who.coaching or None,
        "start_conference_on_enter": who.starts,
        "end_conference_on_exit": who.ends,
        "status": PARTICIPANT_STATUS.get(who.leg.status, "failed"),
        "date_created": rfc2822(who.joined_at),
        "date_updated": rfc2822(who.updated_at),
        "queue_time": "0",
        "uri": _address(account, f"Conferences/{room.sid}/Participants/{who.leg.sid}"),
    }


def message(message: Message, account: str) -> Picture:
    """https://www.twilio.com/docs/messaging/api/message-resource"""
    return {
        "sid": message.sid,
        "account_sid": account,
        "from": message.from_,
        "to": message.to,
        "body": message.body,
        "status": message.status.value,
        "direction": message.direction,
        "num_segments": str(message.segments),
        "num_media": "0",
        "date_created": rfc2822(message.created_at),
        "date_sent": rfc2822(message.created_at),
        "date_updated": rfc2822(message.updated_at),
        "error_code": message.error_code,
        "error_message": None,
        "messaging_service_sid": None,
        "price": None,
        "price_unit": "USD",
        "api_version": API_VERSION,
        "uri": _address(account, f"Messages/{message.sid}"),
        "subresource_uris": {},
    }


def number(number: OwnNumber, account: str) -> Picture:
    """https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource"""
    return {
        "sid": number.sid,
        "account_sid": account,
        "phone_number": number.phone_number,
        "friendly_name": number.friendly_name,
        "voice_url": number.voice_url,
        "voice_method": number.voice_method,
        "voice_fallback_url": number.voice_fallback_url,
        "voice_fallback_method": number.voice_fallback_method,
        "status_callback": number.status_callback,
        "status_callback_method": number.status_callback_method,
        "sms_url": number.sms_url,
        "sms_method": number.sms_method,
        "sms_fallback_url": number.sms_fallback_url,
        "sms_fallback_method": number.sms_fallback_method,
        "capabilities": {"voice": True, "sms": True, "mms": False, "fax": False},
        "date_created": rfc2822(number.created_at),
        "date_updated": rfc2822(number.updated_at),
        "beta": False,
        "origin": "twilio",
        "status": "in-use",
        "api_version": API_VERSION,
        "voice_caller_id_lookup": False,
        "uri": _address(account, f"IncomingPhoneNumbers/{number.sid}"),
    }


NUMBER_FIELDS = {
    "FriendlyName": "friendly_name",
    "VoiceUrl": "voice_url",
    "VoiceMethod": "voice_method",
    "VoiceFallbackUrl": "voice_fallback_url",
    "VoiceFallbackMethod": "voice_fallback_method",
    "StatusCallback": "status_callback",
    "StatusCallbackMethod": "status_callback_method",
    "SmsUrl": "sms_url",
    "SmsMethod": "sms_method",
    "SmsFallbackUrl": "sms_fallback_url",
    "SmsFallbackMethod": "sms_fallback_method",
}


def change_number(number: OwnNumber, fields: Mapping[str, list[str]]) -> None:
    """Set what the fields of a request name; an empty value clears it."""
    for field, attribute in NUMBER_FIELDS.items():
        if field in fields:
            setattr(number, attribute, fields[field][0])
    number.updated_at = utcnow()


def recording(recording: Recording, account: str) -> Picture:
    """https://www.twilio.com/docs/voice/api/recording"""
    address = _address(account, f"Recordings/{recording.sid}")
    return {
        "sid": recording.sid,
        "account_sid": account,
        "call_sid": recording.call_sid,
        "conference_sid": None,
        "duration": str(recording.seconds),
        "status": "completed",
        "channels": recording.channels,
        "source": recording.source,
        "error_code": None,
        "price": None,
        "price_unit": "USD",
        "start_time": rfc2822(recording.started_at),
        "date_created": rfc2822(recording.started_at),
        "date_updated": rfc2822(recording.started_at),
        "api_version": API_VERSION,
        "encryption_details": None,
        "media_url": address.removesuffix(".json"),
        "uri": address,
        "subresource_uris": {},
    }
