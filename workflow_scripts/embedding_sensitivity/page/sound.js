"use strict";
// What can be heard: decoded when it is first played; gain is applied here.
const SOUNDS = read("sound-index");
const context = (() => { let made; return () => (made ??= new AudioContext()); })();
const MAX_DECODED = 40;
const decoded = new Map();
let playing = null;

// Whether an effect can be heard, of which clips, at which levels.
const canHear = effect => SOUNDS !== null && (effect in SOUNDS.places || SOUNDS.gains.includes(effect));
const heardClips = label => Object.keys(SOUNDS?.clips ?? {}).filter(clip => SOUNDS.clips[clip].label === label);
function heardLevels(effect) {
  if (SOUNDS.gains.includes(effect)) return EFFECTS.get(effect).levels;
  return Object.keys(Object.values(SOUNDS.places[effect])[0] ?? {}).sort((a, b) => a - b);
}

function nearestLevel(effect, level) {
  const heard = heardLevels(effect), levels = EFFECTS.get(effect).levels;
  const away = other => Math.abs(levels.indexOf(other) - levels.indexOf(level));
  return heard.reduce((best, other) => away(other) < away(best) ? other : best);
}

// The sound of a clip at a level, {buffer, gain}; `level` is original or one that is heard.
async function sound(clip, effect, level) {
  const applied = SOUNDS.gains.includes(effect) && level !== "original";
  const number = level === "original" || applied
    ? SOUNDS.places.original[clip].original : SOUNDS.places[effect][clip][level];
  if (!decoded.has(number)) {
    const text = document.getElementById(`sound-${number}`).textContent;
    const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
    // A decoded sound takes 40 times the room of a coded one.
    if (decoded.size >= MAX_DECODED) decoded.delete(decoded.keys().next().value);
    decoded.set(number, context().decodeAudioData(bytes.buffer));
  }
  return { buffer: await decoded.get(number), gain: applied ? 10 ** (Number(level) / 20) : 1 };
}

async function play(clip, effect, level) {
  stop();
  const { buffer, gain } = await sound(clip, effect, level);
  stop();
  await context().resume();
  const source = new AudioBufferSourceNode(context(), { buffer });
  const volume = new GainNode(context(), { gain });
  source.connect(volume).connect(context().destination);
  source.start();
  playing = source;
  say(level === "original" ? `Playing ${clip}, the original.` : `Playing ${clip}, ${effect} at ${withUnit(level, EFFECTS.get(effect))}.`);
}

function stop() {
  playing?.stop();
  playing = null;
}

// In place: the discrete Fourier transform of n complex numbers, n a power of 2.
function transform(real, imaginary) {
  const n = real.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [real[i], real[j]] = [real[j], real[i]];
      [imaginary[i], imaginary[j]] = [imaginary[j], imaginary[i]];
    }
  }
  for (let size = 2; size <= n; size *= 2) {
    for (let k = 0; k < size / 2; k++) {
      const cos = Math.cos(2 * Math.PI * k / size), sin = -Math.sin(2 * Math.PI * k / size);
      for (let i = k; i < n; i += size) {
        const j = i + size / 2;
        const re = real[j] * cos - imaginary[j] * sin, im = real[j] * sin + imaginary[j] * cos;
        real[j] = real[i] - re; imaginary[j] = imaginary[i] - im;
        real[i] += re; imaginary[i] += im;
      }
    }
  }
}

// Power in dB of Hann windows of 1024 samples, of the channels' mean: [frequency][time].
function spectrogram({ buffer, gain }, columns = 120, size = 1024) {
  const channels = Array.from({ length: buffer.numberOfChannels }, (_, n) => buffer.getChannelData(n));
  const hop = Math.max(1, Math.floor((buffer.length - size) / columns));
  const starts = Array.from({ length: columns }, (_, n) => n * hop).filter(start => start + size <= buffer.length);
  const power = Array.from({ length: size / 4 }, () => []);
  for (const start of starts) {
    const real = new Float64Array(size), imaginary = new Float64Array(size);
    for (let n = 0; n < size; n++) {
      const window = 0.5 - 0.5 * Math.cos(2 * Math.PI * n / size);
      real[n] = gain * window * mean(channels.map(channel => channel[start + n]));
    }
    transform(real, imaginary);
    for (let k = 0; k < size / 4; k++) {
      const both = [2 * k, 2 * k + 1].map(bin => real[bin] ** 2 + imaginary[bin] ** 2);
      power[k].push(10 * Math.log10(both[0] + both[1] + 1e-9));
    }
  }
  return {
    z: power,
    x: starts.map(start => (start + size / 2) / buffer.sampleRate),
    y: power.map((_, k) => (2 * k + 0.5) * buffer.sampleRate / size),
  };
}
