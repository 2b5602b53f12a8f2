// Draws a 3D model on a canvas by WebGL, lit from where one looks: no picture, no shader and no sheet from elsewhere.
import { modelled } from "./solids.js";

const FIELD = 30 * Math.PI / 180; // of view
const NEAREST = 0.15;
const FURTHEST = 4;
const STEEPEST = Math.PI / 2 - 0.01;
const BEGIN = { turn: Math.PI / 6, tilt: Math.PI / 9, away: 1, x: 0, y: 0 };

const CORNERS = `#version 300 es
in vec3 corner;
in vec3 normal;
uniform mat3 turned;
uniform vec3 moved;
uniform vec4 lens;
out vec3 facing;
out vec3 place;
void main() {
  place = turned * corner + moved;
  facing = turned * normal;
  gl_Position = vec4(place.x * lens.x, place.y * lens.y, place.z * lens.z + lens.w, -place.z);
}`;

const LIGHT = `#version 300 es
precision highp float;
in vec3 facing;
in vec3 place;
uniform vec3 colour;
out vec4 seen;
void main() {
  vec3 eye = normalize(-place);
  vec3 normal = normalize(facing);
  if (dot(normal, eye) < 0.0) normal = -normal;
  float key = max(dot(normal, normalize(vec3(-0.45, 0.7, 0.65))), 0.0);
  float side = max(dot(normal, normalize(vec3(0.8, 0.1, 0.4))), 0.0);
  float sky = 0.5 + 0.5 * normal.y;
  float shine = pow(max(dot(normal, normalize(vec3(-0.45, 0.7, 0.65) + eye)), 0.0), 40.0);
  vec3 lit = colour * colour * (0.16 + 0.2 * sky + 0.72 * key + 0.18 * side) + 0.06 * shine;
  seen = vec4(sqrt(lit), 1.0);
}`;

// What `model` (corners and faces) looks like on `canvas`; `view` is where one looks from, and may be changed.
export class SolidCanvas {
  constructor(canvas, model) {
    this.canvas = canvas;
    this.solid = modelled(model);
    this.view = { ...BEGIN };
    this.gl = canvas.getContext("webgl2", { antialias: true, alpha: true });
    if (!this.gl) throw new Error("no WebGL");
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => this.begin());
    this.begin();
  }

  begin() {
    const { gl, solid } = this;
    const program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, CORNERS], [gl.FRAGMENT_SHADER, LIGHT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program) ?? "no program");
    gl.useProgram(program);
    const given = (name, numbers, width, type) => {
      gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
      gl.bufferData(gl.ARRAY_BUFFER, numbers, gl.STATIC_DRAW);
      const place = gl.getAttribLocation(program, name);
      gl.enableVertexAttribArray(place);
      gl.vertexAttribPointer(place, 3, type, type === gl.BYTE, width, 0);
    };
    given("corner", solid.corners, 12, gl.FLOAT);
    given("normal", solid.normals, 4, gl.BYTE);
    this.set = Object.fromEntries(
      ["turned", "moved", "lens", "colour"].map((name) => [name, gl.getUniformLocation(program, name)]),
    );
    gl.enable(gl.DEPTH_TEST);
    this.draw();
  }

  // The view with these changes, kept within what can be looked at; drawn with the next frame.
  look(changes) {
    Object.assign(this.view, changes);
    this.view.tilt = Math.min(STEEPEST, Math.max(-STEEPEST, this.view.tilt));
    this.view.away = Math.min(FURTHEST, Math.max(NEAREST, this.view.away));
    for (const axis of ["x", "y"]) this.view[axis] = Math.min(1.5, Math.max(-1.5, this.view[axis]));
    this.draw();
  }

  again() {
    this.look(BEGIN);
  }

  // A pixel of the canvas in the model's own measure, where it is turned about.
  get pixel() {
    return 2 * this.distance * Math.tan(FIELD / 2) / (this.canvas.clientHeight || 1);
  }

  get distance() {
    const wide = Math.min(1, this.canvas.clientWidth / (this.canvas.clientHeight || 1)) || 1;
    return this.view.away * 1.05 / (Math.sin(FIELD / 2) * wide);
  }

  draw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.paint();
    });
  }

  paint() {
    const { canvas, gl, set, view, distance } = this;
    const ratio = Math.min(devicePixelRatio, 2);
    const [wide, high] = [canvas.clientWidth, canvas.clientHeight].map((side) => Math.round(side * ratio));
    if (!wide || !high || gl.isContextLost()) return;
    if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
    gl.viewport(0, 0, wide, high);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    const [sine, cosine, up, ahead] = [view.turn, view.tilt].flatMap((angle) => [Math.sin(angle), Math.cos(angle)]);
    gl.uniformMatrix3fv(set.turned, false, [cosine, sine * up, -sine * ahead, 0, ahead, up, sine, -cosine * up, cosine * ahead]);
    gl.uniform3f(set.moved, view.x, view.y, -distance);
    const [near, far] = [Math.max(distance - 1.2, 0.02), distance + 1.2];
    const reach = 1 / Math.tan(FIELD / 2);
    gl.uniform4f(set.lens, reach * high / wide, reach, -(far + near) / (far - near), -2 * far * near / (far - near));
    gl.uniform3fv(set.colour, coloured(getComputedStyle(canvas).color));
    gl.drawArrays(gl.TRIANGLES, 0, this.solid.count);
  }

  end() {
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}

function coloured(words) {
  return (words.match(/[\d.]+/g) ?? [128, 128, 128]).slice(0, 3).map((part) => part / 255);
}
