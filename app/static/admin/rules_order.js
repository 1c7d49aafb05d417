// How does one put rules in another order? By dragging the handle, or by keys; buttons are in each rule's form.

const ROOM_AT_EDGES = 60;

/** `send(form, button)` saves where a rule was put. */
export function watchOrder(live, send) {
  let dragged = null; // the rule that the pointer holds
  let before = null; // what stood after it, before it was taken up

  const rules = () => [...live.querySelectorAll("#rules > [data-rule]")];
  const move = (card, to) => {
    const button = document.createElement("button");
    Object.assign(button, { name: "do", value: `to:${to}` });
    return send(card.querySelector("[data-rule-form]"), button);
  };

  live.addEventListener("pointerdown", (event) => {
    const handle = event.target.closest("[data-handle]");
    if (!handle || event.button !== 0) return;
    dragged = handle.closest("[data-rule]");
    before = dragged.nextElementSibling;
    handle.setPointerCapture(event.pointerId);
    dragged.classList.add("is-dragged");
  });

  live.addEventListener("pointermove", (event) => {
    if (!dragged) return;
    if (event.clientY < ROOM_AT_EDGES) scrollBy(0, -12);
    if (event.clientY > innerHeight - ROOM_AT_EDGES) scrollBy(0, 12);
    const middle = (card) => card.getBoundingClientRect().top + card.offsetHeight / 2;
    const above = () => dragged.previousElementSibling;
    const below = () => dragged.nextElementSibling;
    // The list moves, never what is held: moving that would let the pointer go. A quick hand passes several at once.
    while (above() && event.clientY < middle(above())) dragged.after(above());
    while (below() && event.clientY > middle(below())) dragged.before(below());
  });

  live.addEventListener("pointerup", () => {
    if (!dragged) return;
    const card = dragged;
    const stood = before;
    letGo();
    if (card.nextElementSibling !== stood) move(card, rules().indexOf(card)).then(() => focusHandle(card.id));
  });

  live.addEventListener("pointercancel", putBack);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && dragged) putBack();
  });

  function putBack() {
    if (!dragged) return;
    const card = dragged;
    const stood = before;
    letGo();
    // As in moving, the others go around it.
    card.parentElement.insertBefore(card, stood);
  }

  function letGo() {
    dragged.classList.remove("is-dragged");
    dragged = null;
  }

  const focusHandle = (id) => document.querySelector(`#${CSS.escape(id)} [data-handle]`)?.focus();

  live.addEventListener("keydown", (event) => {
    const way = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const isHandle = event.target.closest("[data-handle]");
    if (!way || !(event.altKey || isHandle)) return;
    const card = event.target.closest("#rules > [data-rule]");
    if (!card) return;
    event.preventDefault();
    const to = rules().indexOf(card) + way;
    if (to < 0 || to >= rules().length) return;
    // At once on the page, so that pressed again it goes on from there; then saved.
    const focused = document.activeElement;
    const beside = rules()[to];
    if (way < 0) card.after(beside);
    else card.before(beside);
    focused.focus();
    move(card, to);
  });
}
