// Figures for people: with their units, and as many digits as are of use.

const AU = 149597870700;
const LIGHT = 299792458;

const digits = (value, places) => value.toLocaleString("en-GB", { minimumFractionDigits: places, maximumFractionDigits: places });

/** Three to four digits. */
export function short(value) {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1e6 || size < 1e-3) return value.toExponential(3).replace("e+", "e");
  return digits(value, size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 4);
}

export const whole = (value) => Number(value).toLocaleString("en-GB");

export function length(m) {
  const size = Math.abs(m);
  if (size >= 0.01 * AU) return `${short(m / AU)} au`;
  if (size >= 1e9) return `${short(m / 1e9)} Gm`;
  if (size >= 1e5) return `${whole(Math.round(m / 1e3))} km`;
  if (size >= 1e3) return `${short(m / 1e3)} km`;
  return `${short(m)} m`;
}

export function speed(m_s) {
  const size = Math.abs(m_s);
  if (size >= 0.01 * LIGHT) return `${short(m_s / LIGHT)} c`;
  return size >= 1e3 ? `${short(m_s / 1e3)} km/s` : `${short(m_s)} m/s`;
}

export const mass = (kg) => (kg >= 1e7 ? `${kg.toExponential(3).replace("e+", "e")} kg` : `${whole(Math.round(kg))} kg`);

export function bytes(count) {
  const units = ["B", "kB", "MB", "GB"];
  let at = 0;
  while (count >= 1000 && at < 3) [count, at] = [count / 1000, at + 1];
  return `${at ? short(count) : count} ${units[at]}`;
}

export function duration(s) {
  if (s < 60) return `${Math.floor(s)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

export const micros = (us) => (us >= 1e6 ? `${short(us / 1e6)} s` : us >= 1000 ? `${short(us / 1000)} ms` : `${Math.round(us)} µs`);

/** A moment of RFC 3339, in the reader's own time. */
export function moment(text) {
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? text : at.toLocaleString("en-GB", { dateStyle: "short", timeStyle: "medium" });
}

/** A factor of time in quarters. */
export const factor = (quarters) => `× ${(quarters / 4).toLocaleString("en-GB")}`;

/** A value of a field: a number or several, as it was sent. */
export const value = (given) => (Array.isArray(given) ? `[${given.map(String).join(", ")}]` : String(given));
