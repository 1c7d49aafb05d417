// A page with the real Voice SDK in it, and nothing else: what a desk needs, driven by a test.

const SOUNDS = ["incoming", "outgoing", "disconnect", "dtmf0", "dtmf1", "dtmf2", "dtmf3", "dtmf4", "dtmf5",
  "dtmf6", "dtmf7", "dtmf8", "dtmf9", "dtmfh", "dtmfs"];
const LOUDNESS = 0.3;

const softphone = { device: null, call: null, microphone: null, seen: [], errors: [], parameters: {} };

// The microphone: a tone, so that a test can tell whose voice it hears.
function microphone(hz) {
  const context = softphone.microphone = new AudioContext();
  const oscillator = context.createOscillator();
  const loudness = context.createGain();
  const voice = context.createMediaStreamDestination();
  oscillator.frequency.value = hz;
  loudness.gain.value = LOUDNESS;
  oscillator.connect(loudness).connect(voice);
  oscillator.start();
  return () => Promise.resolve(voice.stream.clone());
}

function note(kind) {
  softphone.seen.push(kind);
}

async function start({ token, chunderw, hz, ringtone }) {
  const sounds = Object.fromEntries(SOUNDS.map((name) => [name, ringtone]));
  const device = new Twilio.Device(token, {
    chunderw, sounds, publishEvents: false, getUserMedia: microphone(hz), logLevel: "silent",
  });
  softphone.device = device;
  device.on("registered", () => note("registered"));
  device.on("unregistered", () => note("unregistered"));
  device.on("tokenWillExpire", () => note("expiring"));
  device.on("error", (error) => softphone.errors.push(error.code));
  device.on("incoming", (call) => {
    softphone.call = call;
    softphone.parameters = { from: call.parameters.From, ...Object.fromEntries(call.customParameters) };
    for (const kind of ["accept", "cancel", "disconnect", "reject"]) call.on(kind, () => note(kind));
    call.on("error", (error) => softphone.errors.push(error.code));
    note("incoming");
  });
  await device.register();
}

// The pitch that arrives, in Hz, or 0 when nothing does.
function heard() {
  const stream = softphone.call?.getRemoteStream();
  if (!stream) return 0;
  if (!softphone.analyser) {
    const context = new AudioContext();
    softphone.analyser = context.createAnalyser();
    softphone.analyser.fftSize = 8192;
    softphone.analyser.smoothingTimeConstant = 0;
    context.createMediaStreamSource(stream).connect(softphone.analyser);
    softphone.width = context.sampleRate / softphone.analyser.fftSize;
  }
  const levels = new Float32Array(softphone.analyser.frequencyBinCount);
  softphone.analyser.getFloatFrequencyData(levels);
  const loudest = levels.indexOf(Math.max(...levels));
  return levels[loudest] < -60 ? 0 : loudest * softphone.width;
}

// All that is known here of the call and its sound, for somebody who looks for a fault.
async function story() {
  const { seen, errors, microphone, device, call } = softphone;
  const lines = [{ seen, errors, microphone: [microphone?.state, microphone?.currentTime], device: device?.state,
    call: call?.status(), hears: heard() }];
  const connection = call?._mediaHandler?.version?.pc;
  if (connection) {
    const { connectionState, iceConnectionState, signalingState } = connection;
    const kinds = ["transport", "candidate-pair", "local-candidate", "media-source", "outbound-rtp", "inbound-rtp"];
    const stats = [...(await connection.getStats()).values()].filter((each) => kinds.includes(each.type));
    lines.push({ connectionState, iceConnectionState, signalingState }, ...stats);
  }
  return lines.map((line) => JSON.stringify(line)).join("\n");
}
