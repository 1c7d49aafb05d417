// What keeps time while nobody looks at the page? Browsers let the timers of a hidden page run once a minute, so that
// its desk would seem dead; those of a worker keep their pace. A page that is frozen freezes its workers, too.

onmessage = ({ data: milliseconds }) => setInterval(() => postMessage(null), milliseconds);
