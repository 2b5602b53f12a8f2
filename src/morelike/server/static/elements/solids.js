// The triangles of a 3D model, as the server gives them (GLB: corners and faces, nothing else), made ready to be drawn.
const MAGIC = 0x46546c67; // "glTF"
const JSON_CHUNK = 0x4e4f534a;
const HEAD = 12;
const CHUNK_HEAD = 8;
const FLOAT = 5126;
const INTEGER = 5125;
const CREASE = Math.cos(40 * Math.PI / 180); // faces that meet more sharply have an edge between them

// {corners: Float32Array (n, 3), faces: Uint32Array (m, 3)}; an Error where it is no such file.
export function readModel(buffer) {
  const view = new DataView(buffer);
  if (buffer.byteLength < HEAD + CHUNK_HEAD || view.getUint32(0, true) !== MAGIC) throw new Error("no GLB");
  const length = view.getUint32(HEAD, true);
  if (view.getUint32(HEAD + 4, true) !== JSON_CHUNK) throw new Error("no tree");
  const start = HEAD + CHUNK_HEAD;
  const tree = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, start, length)));
  const body = start + length + CHUNK_HEAD;
  const taken = (number, type, Numbers, width) => {
    const accessor = tree.accessors[number];
    if (accessor.componentType !== type) throw new Error("other numbers than expected");
    return new Numbers(buffer, body + (tree.bufferViews[accessor.bufferView].byteOffset ?? 0), accessor.count * width);
  };
  const [primitive] = tree.meshes[0].primitives;
  const corners = taken(primitive.attributes.POSITION, FLOAT, Float32Array, 3);
  const faces = taken(primitive.indices, INTEGER, Uint32Array, 1);
  if (!faces.length || faces.length % 3) throw new Error("no triangles");
  return { corners, faces };
}

// Three corners a face, each with a normal of its own, inside a ball of radius 1 about the origin:
// {count, corners: Float32Array (count, 3), normals: Int8Array (count, 4)}
export function modelled({ corners, faces }) {
  const count = faces.length;
  const placed = new Float32Array(count * 3);
  const { middle, radius } = around(corners);
  for (let at = 0; at < count; at += 1) {
    for (let axis = 0; axis < 3; axis += 1) {
      placed[at * 3 + axis] = (corners[faces[at] * 3 + axis] - middle[axis]) / radius;
    }
  }
  return { count, corners: placed, normals: creased(placed, faces, corners.length / 3) };
}

function around(corners) {
  const low = [Infinity, Infinity, Infinity];
  const high = [-Infinity, -Infinity, -Infinity];
  for (let at = 0; at < corners.length; at += 1) {
    low[at % 3] = Math.min(low[at % 3], corners[at]);
    high[at % 3] = Math.max(high[at % 3], corners[at]);
  }
  const middle = low.map((edge, axis) => (edge + high[axis]) / 2);
  let furthest = 0;
  for (let at = 0; at < corners.length; at += 3) {
    furthest = Math.max(
      furthest, Math.hypot(corners[at] - middle[0], corners[at + 1] - middle[1], corners[at + 2] - middle[2]),
    );
  }
  return { middle, radius: furthest || 1 };
}

// Of each corner of each face: what the faces around it have in common, those behind an edge left out.
function creased(placed, faces, known) {
  const count = faces.length;
  const flat = new Float32Array(count); // a face's normal, as long as twice its area
  const sizes = new Float32Array(count / 3);
  for (let face = 0; face < count / 3; face += 1) {
    const [a, b, c] = [face * 9, face * 9 + 3, face * 9 + 6];
    const ux = placed[b] - placed[a];
    const uy = placed[b + 1] - placed[a + 1];
    const uz = placed[b + 2] - placed[a + 2];
    const vx = placed[c] - placed[a];
    const vy = placed[c + 1] - placed[a + 1];
    const vz = placed[c + 2] - placed[a + 2];
    const [x, y, z] = [uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx];
    flat[face * 3] = x;
    flat[face * 3 + 1] = y;
    flat[face * 3 + 2] = z;
    sizes[face] = Math.hypot(x, y, z) || 1e-30;
  }
  const begins = new Uint32Array(known + 1); // corner -> where its faces stand in `meeting`
  for (const corner of faces) begins[corner + 1] += 1;
  for (let corner = 0; corner < known; corner += 1) begins[corner + 1] += begins[corner];
  const meeting = new Uint32Array(count);
  const next = begins.slice(0, known);
  for (let at = 0; at < count; at += 1) {
    meeting[next[faces[at]]] = Math.floor(at / 3);
    next[faces[at]] += 1;
  }
  const normals = new Int8Array(count * 4);
  for (let at = 0; at < count; at += 1) {
    const face = Math.floor(at / 3);
    const corner = faces[at];
    let [x, y, z] = [0, 0, 0];
    for (let place = begins[corner]; place < begins[corner + 1]; place += 1) {
      const other = meeting[place];
      const along = flat[face * 3] * flat[other * 3] + flat[face * 3 + 1] * flat[other * 3 + 1]
        + flat[face * 3 + 2] * flat[other * 3 + 2];
      if (other !== face && along < CREASE * sizes[face] * sizes[other]) continue;
      x += flat[other * 3];
      y += flat[other * 3 + 1];
      z += flat[other * 3 + 2];
    }
    const long = Math.hypot(x, y, z) || 1;
    normals[at * 4] = x / long * 127;
    normals[at * 4 + 1] = y / long * 127;
    normals[at * 4 + 2] = z / long * 127;
  }
  return normals;
}
