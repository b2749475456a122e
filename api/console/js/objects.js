// How things look: a colour and a shape for each kind, and for what has a well-known face.

const FACES = {
  sun: "#f3c05a", mercury: "#a79c92", venus: "#d9b27a", earth: "#5b9bff", moon: "#b9bec8", mars: "#e0714e",
  jupiter: "#d9a878", saturn: "#dcc48b", uranus: "#7fd0d8", neptune: "#6b8cff", pluto: "#c3a48c",
};
const KINDS = { body: "#9aa7bb", ship: "#45c08a", asteroid: "#b08d6a", structure: "#b48cf2", projectile: "#ff8a70" };
const OTHER = "#9aa7bb";

export const faceOf = (object) => FACES[object.name.toLowerCase()] ?? KINDS[object.kind] ?? OTHER;
export const isBody = (object) => object.kind === "body";

/** What is labelled first where there is no room for all. */
export const weightOf = (object) => (isBody(object) ? 1e3 + Math.log10(Math.max(1, object.mass)) : object.kind === "ship" ? 100 : 1);

const TITLES = { body: "Bodies", ship: "Ships", asteroid: "Asteroids", structure: "Structures", projectile: "Projectiles" };
export const titleOf = (kind) => TITLES[kind] ?? `${kind.charAt(0).toUpperCase()}${kind.slice(1)}s`;
