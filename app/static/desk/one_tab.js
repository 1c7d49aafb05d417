// Which tab is the desk? One at a time holds the stream: two cards for one call would confuse, and browsers allow
// six connections to a host, so that a seventh tab with a stream would hang.

const LOCK = "rechtdoor.desk";

/** Call `gained` when this tab becomes the desk and `lost` when another one has taken over. */
export function beTheDesk(gained, lost) {
  const locks = navigator.locks; // absent on plain http other than localhost
  if (!locks) {
    gained();
    return { takeOver() {} };
  }
  const hold = (options) =>
    locks.request(LOCK, options, (lock) => {
      if (lock === null) {
        lost();
        // In line, in case the other tab is closed.
        hold({});
        return undefined;
      }
      gained();
      return new Promise(() => {});
    }).catch((error) => {
      if (error.name === "AbortError") lost();
    });
  hold({ ifAvailable: true });
  return { takeOver: () => hold({ steal: true }) };
}
