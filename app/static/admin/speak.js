// Reads aloud what a caller would hear, in the browser's own voice. Without one the buttons stay away.
const voice = window.speechSynthesis;

function say(texts, language) {
  voice.cancel();
  for (const text of texts) {
    const words = new SpeechSynthesisUtterance(text);
    words.lang = language === "nl" ? "nl-NL" : "en-GB";
    voice.speak(words);
  }
}

if (voice) {
  for (const button of document.querySelectorAll("[data-speaks]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const scope = button.closest(button.dataset.speaks);
      say([...scope.querySelectorAll("[data-said]")].map((one) => one.textContent.trim()), button.dataset.language);
    });
  }
}

// Fields of a made-up caller are there when somebody is made up.
const kind = document.querySelector("select[name=kind]");

function arrange() {
  for (const part of document.querySelectorAll("[data-for]")) {
    part.hidden = !part.dataset.for.split(" ").includes(kind.value);
  }
}

if (kind) {
  kind.addEventListener("change", arrange);
  arrange();
}
