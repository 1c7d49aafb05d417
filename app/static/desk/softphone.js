// Is there a telephone in this window? The heartbeat reports it; without one, calls ring on the agent's phone.

/** "ready", "busy" or "none", as the heartbeat has it. */
export function softphoneState() {
  return "none";
}
