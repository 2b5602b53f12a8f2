// Draws the points of a map: with WebGL, a whole million in one call; without it some of them on a plain canvas.
export const HUES = 8;
export const SHAPES = 4;
export const NEUTRAL = HUES;
const COLOURS = HUES + 2; // neutral, and the edge of what is selected
const FEWER = 20_000; // on a plain canvas
const SELECTED = 2;
const DIMMED = 3;

const VERTEX = `#version 300 es
in vec2 place;
in uvec4 look;
uniform vec2 middle, scale;
uniform float size;
uniform int pass;
uniform vec4 colours[${COLOURS}];
flat out vec4 colour;
flat out int shape;
flat out float wide, marked;
void main() {
  bool selected = look.z > 0u, dimmed = look.w > 0u;
  // first what lies below, then what is to be seen
  if (pass >= 0 && (dimmed ? 0 : 1) != pass) { gl_Position = vec4(2.0, 2.0, 2.0, 1.0); gl_PointSize = 0.0; return; }
  gl_Position = vec4((place - middle) * scale, 0.0, 1.0);
  marked = selected ? 1.0 : 0.0;
  shape = int(look.y);
  wide = size * (selected ? 1.5 : 1.0) + (shape == 0 ? 0.0 : size * 0.12);
  gl_PointSize = wide;
  colour = colours[int(look.x)];
  if (dimmed) colour.a *= 0.2;
}`;

const FRAGMENT = `#version 300 es
precision highp float;
uniform vec4 colours[${COLOURS}];
uniform vec4 ground;
flat in vec4 colour;
flat in int shape;
flat in float wide, marked;
out vec4 drawn;
void main() {
  vec2 p = gl_PointCoord * 2.0 - 1.0;
  vec2 q = abs(p);
  float edge = length(p);
  if (shape == 1) edge = max(q.x, q.y) * 1.12;
  if (shape == 2) edge = q.x + q.y;
  if (shape == 3) edge = max(p.y * 1.15, q.x * 0.94 - p.y * 0.5 + 0.42);
  float soft = 2.2 / wide;
  float there = 1.0 - smoothstep(1.0 - soft, 1.0, edge);
  if (there <= 0.0) discard;
  vec4 inner = colour;
  float rim = 1.0 - (marked > 0.5 ? 4.4 : 2.0) / wide;
  if (wide > 7.0) inner = mix(inner, marked > 0.5 ? colours[${COLOURS - 1}] : vec4(ground.rgb, colour.a), smoothstep(rim - soft, rim, edge));
  else if (marked > 0.5) inner = colours[${COLOURS - 1}];
  float alpha = inner.a * there;
  drawn = vec4(inner.rgb * alpha, alpha);
}`;

// Pixels of a point on the screen, the smaller the more there are; it grows slowly when one comes nearer.
export function sizeOf(count, zoom) {
  const usual = Math.min(11, Math.max(2, 15 - 2.3 * Math.log10(Math.max(count, 10))));
  return Math.min(16, usual * Math.max(zoom, 1) ** 0.28);
}

export function drawingOn(canvas, changed) {
  const gl = canvas.getContext("webgl2", { alpha: true, antialias: false, depth: false, premultipliedAlpha: true });
  try {
    if (gl) return new Quick(canvas, gl, changed);
  } catch {
    const other = canvas.cloneNode(); // it has one kind of pen for ever
    canvas.replaceWith(other);
    return new Plain(other);
  }
  return new Plain(canvas);
}

class Quick {
  constructor(canvas, gl, changed) {
    Object.assign(this, { canvas, gl, lost: false, most: Infinity, made: null });
    canvas.addEventListener("webglcontextlost", (event) => { event.preventDefault(); this.lost = true; });
    canvas.addEventListener("webglcontextrestored", () => {
      this.lost = false;
      this.prepare();
      if (this.points) this.take(this.points);
      changed();
    });
    this.prepare();
  }

  prepare() {
    const { gl } = this;
    const program = gl.createProgram();
    for (const [type, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(type);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.bindAttribLocation(program, 0, "place");
    gl.bindAttribLocation(program, 1, "look");
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) throw new Error(gl.getProgramInfoLog(program));
    gl.useProgram(program);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    this.uniforms = Object.fromEntries(
      ["middle", "scale", "size", "pass", "colours", "ground"].map((name) => [name, gl.getUniformLocation(program, name)]),
    );
    this.places = gl.createBuffer();
    this.looks = gl.createBuffer();
  }

  // Room for all points of a map, and those that are here.
  take(points) {
    const { gl } = this;
    this.points = points;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.places);
    gl.bufferData(gl.ARRAY_BUFFER, points.at, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.looks);
    gl.bufferData(gl.ARRAY_BUFFER, points.look, gl.DYNAMIC_DRAW);
    gl.enableVertexAttribArray(1);
    gl.vertexAttribIPointer(1, 4, gl.UNSIGNED_BYTE, 0, 0);
  }

  // Points from `first` on came.
  came(first) {
    const { gl, points } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.places);
    gl.bufferSubData(gl.ARRAY_BUFFER, first * 8, points.at, first * 2, (points.count - first) * 2);
    this.looked(first);
  }

  looked(first = 0) {
    const { gl, points } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.looks);
    gl.bufferSubData(gl.ARRAY_BUFFER, first * 4, points.look, first * 4, (points.count - first) * 4);
  }

  draw(view, { colours, ground, layers, ratio }) {
    const { gl, uniforms, canvas, points } = this;
    if (this.lost) return;
    const [wide, high] = [Math.round(view.width * ratio), Math.round(view.height * ratio)];
    if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
    gl.viewport(0, 0, wide, high);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (!points?.count) return;
    gl.uniform2f(uniforms.middle, view.x, view.y);
    gl.uniform2f(uniforms.scale, 2 * view.scale / view.width, 2 * view.scale / view.height);
    gl.uniform1f(uniforms.size, sizeOf(points.count, view.zoom) * ratio);
    gl.uniform4fv(uniforms.colours, colours.flat());
    gl.uniform4fv(uniforms.ground, ground);
    for (const pass of layers ? [0, 1] : [-1]) {
      gl.uniform1i(uniforms.pass, pass);
      gl.drawArrays(gl.POINTS, 0, points.count);
    }
  }

  end() {
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}

class Plain {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    this.most = FEWER;
  }

  take(points) {
    this.points = points;
  }

  came() {}

  looked() {}

  draw(view, { colours, ratio }) {
    const { canvas, pen, points } = this;
    Object.assign(canvas, { width: Math.round(view.width * ratio), height: Math.round(view.height * ratio) });
    if (!points?.count) return;
    const step = Math.ceil(points.count / FEWER);
    const usual = sizeOf(points.count / step, view.zoom) * ratio;
    const css = colours.map(([red, green, blue]) => `rgb(${red * 255} ${green * 255} ${blue * 255})`);
    for (let place = 0; place < points.count; place += step) {
      const selected = points.look[4 * place + SELECTED];
      const [left, top] = view.toScreen(points.at[2 * place], points.at[2 * place + 1]);
      const size = selected ? usual * 1.5 : usual;
      pen.globalAlpha = points.look[4 * place + DIMMED] ? 0.2 : 1;
      pen.fillStyle = css[selected ? HUES + 1 : points.look[4 * place]];
      pen.fillRect(left * ratio - size / 2, top * ratio - size / 2, size, size);
    }
  }

  end() {}
}
