"use strict";
/* Seeds, needles, structures and isodoses in space. */
(function (viewer) {
  const data = viewer.data, { dot, plus, times, cross, unit } = viewer.vectors;
  const element = (id) => document.getElementById(id);
  const SEED = "#000000", NEEDLE = "#555555", PLANE = "#999999";

  /* Whether the browser draws in three dimensions; asked on a canvas of its own, which is given back at once. */
  function drawsInSpace() {
    const context = document.createElement("canvas").getContext("webgl");
    if (!context) return false;
    const lose = context.getExtension("WEBGL_lose_context");
    if (lose) lose.loseContext();
    return true;
  }

  // All seeds as one mesh of cylinders to scale; every corner tells of its seed.
  function seedMesh() {
    const { position, axis, length, diameter } = viewer.seeds, SIDES = 12;
    const mesh = { x: [], y: [], z: [], i: [], j: [], k: [], hovertext: [] };
    const corner = (at, text) => {
      mesh.x.push(at[0]); mesh.y.push(at[1]); mesh.z.push(at[2]); mesh.hovertext.push(text);
      return mesh.x.length - 1;
    };
    const triangle = (a, b, c) => { mesh.i.push(a); mesh.j.push(b); mesh.k.push(c); };
    position.forEach((centre, s) => {
      const d = axis[s], text = viewer.seedText(s);
      const e = unit(cross(d, Math.abs(d[0]) < 0.9 ? [1, 0, 0] : [0, 1, 0])), f = cross(d, e);
      const rings = [-1, 1].map((side) => {
        const middle = plus(centre, d, (side * length) / 2);
        const ring = Array.from({ length: SIDES }, (_, n) => {
          const phi = (2 * Math.PI * n) / SIDES;
          const out = plus(times(e, Math.cos(phi)), f, Math.sin(phi));
          return corner(plus(middle, out, diameter / 2), text);
        });
        return { ring, cap: corner(middle, text) };
      });
      for (let n = 0; n < SIDES; n++) {
        const m = (n + 1) % SIDES, [low, high] = rings;
        triangle(low.ring[n], low.ring[m], high.ring[n]);
        triangle(low.ring[m], high.ring[m], high.ring[n]);
        triangle(low.cap, low.ring[m], low.ring[n]);
        triangle(high.cap, high.ring[n], high.ring[m]);
      }
    });
    return {
      type: "mesh3d", name: "seeds", ...mesh, color: SEED, flatshading: true, hoverinfo: "text",
      lighting: { ambient: 0.9, diffuse: 0.4, specular: 0.4 }, meta: { seeds: position.length },
    };
  }

  function needleLines() {
    const line = { x: [], y: [], z: [], hovertext: [] };
    viewer.needles.forEach(({ number, seeds, entry, tip, known }) => {
      const deep = Math.hypot(...plus(tip, entry, -1));
      const text = "needle " + number + ", " + seeds + (seeds === 1 ? " seed" : " seeds") +
        (known ? "<br>" + viewer.fixed(deep, 1) + " mm from entry to tip" : "<br>line through its seeds");
      for (const at of [entry, tip]) { line.x.push(at[0]); line.y.push(at[1]); line.z.push(at[2]); line.hovertext.push(text); }
      line.x.push(null); line.y.push(null); line.z.push(null); line.hovertext.push("");
    });
    return { type: "scatter3d", mode: "lines", name: "needles", ...line, hoverinfo: "text", line: { color: NEEDLE, width: 3 } };
  }

  async function surface(packed, extra) {
    const [vertices, triangles] = await Promise.all([viewer.unpack(packed.vertices), viewer.unpack(packed.triangles)]);
    const n = vertices.length / 3, m = triangles.length / 3;
    const places = Float32Array.from(vertices, (v) => v / 10); // 0.1 mm
    const corners = Int32Array.from(triangles, (v) => v & 0xffff);
    return {
      type: "mesh3d", hoverinfo: "skip", flatshading: false,
      x: places.subarray(0, n), y: places.subarray(n, 2 * n), z: places.subarray(2 * n),
      i: corners.subarray(0, m), j: corners.subarray(m, 2 * m), k: corners.subarray(2 * m),
      lighting: { ambient: 0.7, diffuse: 0.6, specular: 0.1, fresnel: 0.1 }, ...extra,
    };
  }

  /* A square of the plane, as large as the implant and around the part of it that is nearest the implant. */
  function planePatch(plane) {
    const box = [0, 1, 2].map((a) => {
      const values = viewer.seeds.position.map((p) => p[a]);
      return [Math.min(...values), Math.max(...values)];
    });
    const middle = box.map(([low, high]) => (low + high) / 2);
    const half = Math.hypot(...box.map(([low, high]) => high - low)) / 2 + 2 * viewer.seeds.length;
    const from = plus(middle, plane.origin, -1), at = plane.place(dot(from, plane.u), dot(from, plane.v));
    const places = [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([a, b]) => plus(plus(at, plane.u, a * half), plane.v, b * half));
    const [x, y, z] = [0, 1, 2].map((k) => places.map((p) => p[k]));
    return {
      type: "mesh3d", name: "plane", x, y, z, i: [0, 0], j: [1, 2], k: [2, 3], color: PLANE, opacity: 0.35, hoverinfo: "skip",
      lighting: { ambient: 1, diffuse: 0, specular: 0 },
    };
  }

  const meshes = {};
  // Surfaces are unpacked when they are first shown.
  async function chosenSurfaces() {
    const chosen = [];
    for (const box of document.querySelectorAll("#space-key input:checked")) {
      const [kind, index] = box.value.split(" ");
      if (kind === "plane") continue;
      const isStructure = kind === "structure", k = Number(index);
      const packed = (isStructure ? data.surfaces.structures : data.surfaces.isodoses)[k];
      if (!packed) continue;
      const look = isStructure
        ? { name: data.structures[k].name, color: data.structures[k].surfaceColour, opacity: data.structures[k].target ? 0.3 : 0.22 }
        : { name: data.surfaces.percent + " % " + data.labels[k], color: data.surfaces.colours[k], opacity: 0.35 };
      meshes[box.value] ??= await surface(packed, look);
      chosen.push(meshes[box.value]);
    }
    return chosen;
  }

  const FONT = { family: "Arial, sans-serif", color: "#444" };
  const axis = (title) => ({
    title: { text: title, font: { ...FONT, size: 13 } }, tickfont: { ...FONT, size: 12 }, nticks: 5, gridcolor: "#d9dee3",
    showspikes: false, zeroline: false,
  });
  // From the front and the left of the patient, a little from above; parallel rays keep lengths comparable.
  const LAYOUT = {
    margin: { l: 0, r: 0, t: 0, b: 0 }, showlegend: false, uirevision: "keep", autosize: true, font: { family: "inherit" },
    paper_bgcolor: "rgba(0,0,0,0)", hoverlabel: { bgcolor: "#fff", font: { color: "#000", size: 12 }, align: "left" },
    scene: {
      aspectmode: "data", dragmode: "turntable",
      xaxis: axis("<br>x / mm, R to L"), yaxis: axis("<br>y / mm, A to P"), zaxis: axis("z / mm, I to S<br> "),
      camera: { projection: { type: "orthographic" }, eye: { x: 0.8, y: -1.2, z: 0.45 }, up: { x: 0, y: 0, z: 1 } },
    },
  };

  /* plotly looks for the nearest thing under the pointer, and a translucent surface would hide the seeds in it. Its
     surfaces are told to stand aside; where plotly's inside has changed, they merely do not. */
  function pointThroughSurfaces(plot) {
    const scene = plot._fullLayout && plot._fullLayout.scene && plot._fullLayout.scene._scene;
    for (const trace of Object.values((scene && scene.traces) || {}))
      if (trace.mesh && trace.data && trace.data.hoverinfo === "skip") trace.mesh.drawPick = null;
  }

  let busy = false, again = false;
  async function draw() {
    if (busy) { again = true; return; }
    busy = true;
    const plot = element("space"), framed = element("space-plane").checked;
    const traces = [seedMesh(), ...(viewer.needles.length ? [needleLines()] : [])];
    if (framed && viewer.planes.oblique) traces.push(planePatch(viewer.planes.oblique));
    traces.push(...(await chosenSurfaces()));
    await Plotly.react(plot, traces, LAYOUT, { ...viewer.config, displayModeBar: false });
    pointThroughSurfaces(plot);
    busy = false;
    if (again) { again = false; await draw(); }
  }

  viewer.startSpace = async function () {
    const notice = element("space-notice");
    if (!drawsInSpace()) {
      notice.textContent = "This browser does not draw in three dimensions (WebGL is off or missing). The seeds are in the table below.";
      notice.hidden = false;
      element("space").hidden = element("space-key").hidden = true;
      document.body.dataset.space = "none";
      return;
    }
    await draw();
    notice.hidden = true;
    document.querySelectorAll("#space-key input").forEach((box) => box.addEventListener("change", draw));
    viewer.showPlaneInSpace = () => { if (element("space-plane").checked) draw(); };
    document.body.dataset.space = "drawn";
  };
})(window.seedViewer);
