"use strict";
/* One plane as two figures: isodoses on the CT, and a map. */
(function (viewer) {
  const data = viewer.data, state = viewer.state, { dot, plus } = viewer.vectors;
  // A finger scrolls the page; a mouse draws a box to zoom, a double click goes back.
  const touch = window.matchMedia("(pointer: coarse)").matches;
  // mm: seeds and needles this far off the plane are drawn faint, further ones not at all.
  const NEAR = 3;
  viewer.near = NEAR;
  const SEED = "#D55E00", NEEDLE = "#FFC29B";
  const DASHES = ["solid", "dash", "dot"];
  const CONFIG = { responsive: true, displaylogo: false, displayModeBar: false, scrollZoom: false };
  viewer.config = CONFIG;

  function onPlane(plane, values, extra) {
    const width = plane.across.length;
    const z = Array.from(plane.up, (_, row) => values.subarray(row * width, (row + 1) * width));
    return { x: plane.across, y: plane.up, z, showscale: false, hoverinfo: "none", ...extra };
  }

  /* The part of a plane with values of at least `level`, and one sample around it: contouring looks at every sample.
     null where there is none. */
  function above(plane, values, level, extra) {
    const width = plane.across.length;
    let left = Infinity, right = -1, low = Infinity, high = -1;
    for (let k = 0; k < values.length; k++) {
      if (!(values[k] >= level)) continue;
      const column = k % width, row = (k - column) / width;
      if (column < left) left = column;
      if (column > right) right = column;
      if (row < low) low = row;
      high = row;
    }
    if (high < 0) return null;
    left = Math.max(left - 1, 0); right = Math.min(right + 2, width);
    low = Math.max(low - 1, 0); high = Math.min(high + 2, plane.up.length);
    const z = Array.from({ length: high - low }, (_, r) => values.subarray((low + r) * width + left, (low + r) * width + right));
    return { x: plane.across.subarray(left, right), y: plane.up.subarray(low, high), z, showscale: false, hoverinfo: "skip", ...extra };
  }

  /* Not up to white: lines then stand out from soft tissue with a contrast of three to one, as the Web Content
     Accessibility Guidelines ask of drawings. */
  const ct = (plane) => onPlane(plane, viewer.sampled("grey", plane.between), {
    type: "heatmap", zmin: 0, zmax: 255, colorscale: [[0, "#000"], [1, data.brightest]], zsmooth: "fast",
  });

  function isodoses(plane, k) {
    const levels = data.isodoses, last = levels.length - 1;
    const first = levels[0].percent, end = levels[last].percent;
    return above(plane, viewer.percentOfPrescription(k, plane.between), first, {
      type: "contour", name: data.labels[k], zmin: first, zmax: end, zauto: false,
      line: { dash: DASHES[k], width: k === 0 ? 1.9 : 1.6, smoothing: 0 },
      contours: { coloring: "lines", start: first, end, size: (end - first) / last },
      colorscale: levels.map((level) => [(level.percent - first) / (end - first), level.colour]),
    });
  }

  const lineOf = (structure) => ({
    color: structure.colour, width: structure.target ? 2.2 : 1.3, dash: structure.target ? "solid" : structure.dash,
  });

  // Slices of the grid have outlines made with the report; another plane is contoured where half of a voxel is inside.
  function structureLines(plane) {
    const shown = data.structures.map((structure, s) => [structure, s]).filter(([, s]) => !state.hiddenStructures.has(s));
    if (plane.name === "oblique") {
      const half = data.partSteps / 2;
      return shown.filter(([, s]) => viewer.volumes["structure" + s]).flatMap(([structure, s]) => {
        const part = viewer.sampled("structure" + s, plane.between);
        const lines = above(plane, part, half, {
          type: "contour", autocontour: false, line: { ...lineOf(structure), smoothing: 0 }, name: structure.name,
          contours: { coloring: "none", start: half, end: half, size: 1 }, showlegend: false,
        });
        return lines ? [lines] : [];
      });
    }
    return shown.flatMap(([structure, s]) => {
      const x = [], y = [];
      viewer.outlines[plane.name][plane.slice][s].forEach((curve) => {
        for (let k = 0; k < curve.length; k += 2) { x.push(curve[k] / 10); y.push(curve[k + 1] / 10); } // 0.1 mm
        x.push(null); y.push(null);
      });
      if (!x.length) return [];
      return [{ type: "scatter", mode: "lines", x, y, hoverinfo: "skip", showlegend: false, line: lineOf(structure), name: structure.name }];
    });
  }

  // Half the thickness of the slice that a plane stands for: half a voxel along its normal.
  const halfSlice = (plane) => plane.n.reduce((sum, v, a) => sum + Math.abs(v) * viewer.step[a], 0) / 2;

  /* Silhouette on the plane of a seed as a capsule of its length and diameter, a circle where it stands upright; with how
     far its body is from the plane. */
  function silhouette(plane, k) {
    const { position, axis, length, diameter } = viewer.seeds, r = diameter / 2, half = length / 2 - r;
    const from = plus(position[k], plane.origin, -1), d = axis[k];
    const away = Math.max(0, Math.abs(dot(from, plane.n)) - half * Math.abs(dot(d, plane.n)) - r);
    const a = dot(from, plane.u), b = dot(from, plane.v), da = dot(d, plane.u), db = dot(d, plane.v);
    const angle = Math.atan2(db, da), x = [], y = [], ROUND = 8;
    for (const end of [1, -1])
      for (let i = 0; i <= ROUND; i++) {
        const phi = angle + Math.PI * (i / ROUND - 0.5) + (end > 0 ? 0 : Math.PI);
        x.push(a + end * half * da + r * Math.cos(phi));
        y.push(b + end * half * db + r * Math.sin(phi));
      }
    x.push(x[0], null); y.push(y[0], null);
    return { away, a, b, x, y };
  }

  viewer.seedText = function (k) {
    const { number, position, strength, needle } = viewer.seeds;
    return "seed " + number[k] + "<br>(" + position[k].map((v) => viewer.fixed(v, 1)).join(", ") + ") mm<br>" + strength[k].toPrecision(4) +
      " U" + (needle[k] >= 0 ? "<br>needle " + needle[k] : "");
  };

  function seedTraces(plane, mapped) {
    const all = viewer.seeds.position.map((_, k) => ({ k, ...silhouette(plane, k) })), thick = halfSlice(plane);
    const drawn = (seeds, extra) => ({
      type: "scatter", mode: "lines", fill: "toself", hoverinfo: "skip", showlegend: false,
      x: seeds.flatMap((s) => s.x), y: seeds.flatMap((s) => s.y), ...extra,
    });
    const inSlice = all.filter((s) => s.away <= thick), near = all.filter((s) => s.away > thick && s.away <= NEAR);
    const colour = mapped ? "#000" : SEED;
    return [
      drawn(near, { name: "seeds near", opacity: 0.55, fillcolor: "rgba(0,0,0,0)", line: { color: mapped ? "#444" : NEEDLE, width: 1 } }),
      drawn(inSlice, { name: "seeds", fillcolor: colour, line: { color: "#fff", width: 0.9 } }),
      { // Seen by the pointer only: which seed it is.
        type: "scatter", mode: "markers", x: inSlice.map((s) => s.a), y: inSlice.map((s) => s.b), showlegend: false, name: "seed numbers",
        marker: { size: 9, opacity: 0 }, hoverinfo: "text", hovertext: inSlice.map((s) => viewer.seedText(s.k)),
      },
    ];
  }

  // The part of each needle within a distance of the plane, as a line on it.
  function needleParts(plane, reach) {
    const x = [], y = [];
    viewer.needles.forEach(({ entry, tip }) => {
      const from = plus(entry, plane.origin, -1), way = plus(tip, entry, -1);
      const s = dot(from, plane.n), ds = dot(way, plane.n);
      let low = 0, high = 1;
      if (Math.abs(ds) > 1e-9) {
        const cuts = [(-reach - s) / ds, (reach - s) / ds];
        low = Math.max(0, Math.min(...cuts)); high = Math.min(1, Math.max(...cuts));
      } else if (Math.abs(s) > reach) return;
      if (low >= high) return;
      for (const t of [low, high]) { const at = plus(from, way, t); x.push(dot(at, plane.u)); y.push(dot(at, plane.v)); }
      x.push(null); y.push(null);
    });
    return { x, y };
  }

  function needleTraces(plane, mapped) {
    const line = (parts, width, opacity) => ({
      type: "scatter", mode: "lines", ...parts, hoverinfo: "skip", showlegend: false, opacity, name: "needles", line: { color: mapped ? "#000" : NEEDLE, width },
    });
    return [line(needleParts(plane, NEAR), 1, 0.5), line(needleParts(plane, halfSlice(plane)), 1.4, 1)];
  }

  function layout(plane) {
    const font = { size: 11, color: "#444" };
    const axis = (title, range) => ({ title: { text: title, font, standoff: 6 }, tickfont: font, zeroline: false, showgrid: false, constrain: "domain", range });
    return {
      margin: { l: 48, r: 6, t: 6, b: 40 }, showlegend: false, font: { family: "inherit" }, dragmode: touch ? false : "zoom",
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "#000", autosize: true, hovermode: "closest",
      hoverlabel: { bgcolor: "#fff", font: { color: "#000", size: 12 } },
      // A zoom stays while slices go by, and ends when a plane turns.
      uirevision: plane.turned || "keep",
      xaxis: axis(plane.titles[0], plane.range[0]),
      yaxis: { ...axis(plane.titles[1], plane.range[1]), scaleanchor: "x", constraintoward: "top" },
    };
  }

  // On a map lines are black with a pale rim: the map is pale here and dark there.
  const onMap = (lines) => [
    // Contouring takes time: on another plane only the target has a rim.
    ...lines.filter((line) => line.type === "scatter" || line.line.width > 2).map((line) => ({ ...line, line: { ...line.line, color: "#fff", width: line.line.width + 1.4 } })),
    ...lines.map((line) => ({ ...line, line: { ...line.line, color: "#000" } })),
  ];

  /* Draws a plane into the figures isodose-NAME and difference-NAME. */
  viewer.drawPlane = function (plane) {
    const lines = structureLines(plane), grey = ct(plane), kind = viewer.kind(), [low, high] = kind.limits();
    // The judged dose last: its full lines lie on top.
    const doses = data.labels.map((_, k) => k).filter((k) => !state.hiddenDoses.has(k)).reverse();
    Plotly.react("isodose-" + plane.name, [
      grey, ...lines, ...doses.map((k) => isodoses(plane, k)).filter(Boolean), ...needleTraces(plane, false), ...seedTraces(plane, false),
    ], layout(plane), CONFIG);
    Plotly.react("difference-" + plane.name, [
      grey,
      onPlane(plane, viewer.mapValues(plane.between), { type: "heatmap", zmin: low, zmax: high, colorscale: kind.colours, hoverongaps: false }),
      ...onMap(lines), ...needleTraces(plane, true), ...seedTraces(plane, true),
    ], layout(plane), CONFIG);
    for (const figure of ["isodose-", "difference-"]) {
      const what = figure === "isodose-" ? "CT with isodoses" : state.map.name;
      document.getElementById(figure + plane.name).setAttribute("aria-label", plane.name + " plane, " + plane.label + ": " + what);
    }
  };
})(window.seedViewer);
