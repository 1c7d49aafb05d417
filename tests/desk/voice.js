// In a desk's page, before any of its scripts: the agent speaks as a tone, and a test can tell what they hear.
// A tone instead of a microphone is the only difference; all else is the page's own and the real SDK's.
(() => {
  if (!navigator.mediaDevices) return; // about:blank
  const VOICE_HZ = 1000;
  const contexts = [];
  navigator.mediaDevices.getUserMedia = async () => {
    const context = new AudioContext();
    const oscillator = context.createOscillator();
    const loudness = context.createGain();
    const voice = context.createMediaStreamDestination();
    oscillator.frequency.value = VOICE_HZ;
    loudness.gain.value = 0.3;
    oscillator.connect(loudness).connect(voice);
    oscillator.start();
    contexts.push(context);
    return voice.stream;
  };

  let arriving = null;
  const Peer = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Peer {
    constructor(...options) {
      super(...options);
      this.addEventListener("track", ({ streams, track }) => { arriving = streams[0] ?? new MediaStream([track]); });
    }
  };

  let analyser = null;
  let heardFrom = null;
  let width = 1;
  // The pitch that arrives, in Hz; 0 when nothing does.
  window.heardByTheAgent = () => {
    if (!arriving) return 0;
    if (heardFrom !== arriving) {
      const context = new AudioContext();
      analyser = context.createAnalyser();
      analyser.fftSize = 8192;
      analyser.smoothingTimeConstant = 0;
      context.createMediaStreamSource(arriving).connect(analyser);
      width = context.sampleRate / analyser.fftSize;
      heardFrom = arriving;
    }
    const levels = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(levels);
    const loudest = levels.indexOf(Math.max(...levels));
    return levels[loudest] < -60 ? 0 : loudest * width;
  };
})();
