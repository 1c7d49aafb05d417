// How does a form get a passkey's answer? It asks the browser for it, puts it into a hidden field, and is sent.

const CSRF = "csrf";
const FIELD = { answer: "again_passkey", make: "passkey" };
const OPTIONS = { answer: "/login/passkey/options", make: "/account/factors/passkeys/options" };

const bytes = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (sign) => sign.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");

async function options(kind, form, signal) {
  const response = await fetch(OPTIONS[kind], {
    method: "POST",
    signal,
    headers: { "X-CSRF-Token": form.elements[CSRF].value, Accept: "application/json" },
  });
  const told = await response.json();
  if (told.step_up) {
    location.assign(`${told.step_up}?next=${encodeURIComponent(location.pathname)}`);
    await new Promise(() => {}); // another page comes
  }
  if (!response.ok) throw new Error(told.title);
  told.challenge = bytes(told.challenge);
  if (told.user) told.user.id = bytes(told.user.id);
  for (const list of ["allowCredentials", "excludeCredentials"]) {
    told[list] = (told[list] ?? []).map((one) => ({ ...one, id: bytes(one.id) }));
  }
  return told;
}

function asJson(credential) {
  const { response } = credential;
  const told = { clientDataJSON: text(response.clientDataJSON) };
  if (response.attestationObject) {
    told.attestationObject = text(response.attestationObject);
    told.transports = response.getTransports?.() ?? [];
  } else {
    told.authenticatorData = text(response.authenticatorData);
    told.signature = text(response.signature);
    if (response.userHandle) told.userHandle = text(response.userHandle);
  }
  return JSON.stringify({
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    clientExtensionResults: credential.getClientExtensionResults(),
    response: told,
  });
}

function send(form, kind, credential) {
  form.elements[FIELD[kind]].value = asJson(credential);
  form.submit();
}

// A browser offers a passkey while the name is filled in; pressing a button ends that offer first. An answer to it
// that came later would bring the session of before back, and with it an older challenge.
let offer = new AbortController();
document.addEventListener("submit", () => offer.abort());

async function press(form, kind, button) {
  const failed = form.querySelector("[data-passkey-failed]");
  failed.hidden = true;
  button.disabled = true;
  offer.abort();
  try {
    const publicKey = await options(kind, form);
    const ask = kind === "make" ? "create" : "get";
    send(form, kind, await navigator.credentials[ask]({ publicKey }));
  } catch {
    failed.textContent = failed.dataset.passkeyFailed;
    failed.hidden = false;
  } finally {
    button.disabled = false;
  }
}

async function offerOne(form) {
  if (!(await window.PublicKeyCredential?.isConditionalMediationAvailable?.())) return;
  if (offer.signal.aborted) return;
  const { signal } = offer;
  try {
    const publicKey = await options("answer", form, signal);
    send(form, "answer", await navigator.credentials.get({ publicKey, signal, mediation: "conditional" }));
  } catch {
    // Not taken up, or too late: the button is there.
  }
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const button = form.querySelector("[data-passkey-button]");
  if (!window.PublicKeyCredential) {
    form.hidden = true;
    continue;
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (form.reportValidity()) press(form, form.dataset.passkey, button);
  });
  if (form.hasAttribute("data-passkey-offer")) offerOne(form);
}
