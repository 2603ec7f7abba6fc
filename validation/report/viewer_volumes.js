"use strict";
/* The packed volumes of the page, and their values at any place of the patient.
   Lengths: the page holds cm like every file of the project; from here on they are mm, as on a planning screen. */
window.seedViewer = {};
(function (viewer) {
  const data = JSON.parse(document.getElementById("slice-data").textContent);
  const MM = 10;
  viewer.data = data;
  viewer.shape = data.shape;
  viewer.first = data.first.map((v) => MM * v);
  viewer.step = data.step.map((v) => MM * v);
  viewer.coordinates = [0, 1, 2].map((a) => Float64Array.from({ length: data.shape[a] }, (_, i) => viewer.first[a] + i * viewer.step[a]));
  viewer.seeds = {
    ...data.seeds,
    position: data.seeds.position.map((p) => p.map((v) => MM * v)),
    length: MM * data.seeds.length,
    diameter: MM * data.seeds.diameter,
  };
  viewer.needles = data.needles.map((needle) => ({
    ...needle,
    entry: needle.entry.map((v) => MM * v),
    tip: needle.tip.map((v) => MM * v),
  }));

  viewer.inflate = async function (text) {
    const letters = atob(text), bytes = new Uint8Array(letters.length);
    for (let k = 0; k < bytes.length; k++) bytes[k] = letters.charCodeAt(k);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  };

  // Undoes validation/report/figures_slices.py: differences of neighbours, low bytes before high bytes.
  viewer.unpack = async function (text) {
    const bytes = await viewer.inflate(text), n = bytes.length / 2, values = new Int16Array(n);
    let last = 0;
    for (let i = 0; i < n; i++) {
      last = (last + bytes[i] + 256 * bytes[n + i]) & 0xffff;
      values[i] = last;
    }
    return values;
  };

  const volumes = {};
  viewer.volumes = volumes;
  viewer.load = async function () {
    const names = Object.keys(data.volumes);
    const unpacked = await Promise.all(names.map((name) => viewer.unpack(data.volumes[name])));
    names.forEach((name, k) => { volumes[name] = unpacked[k]; });
    viewer.outlines = JSON.parse(new TextDecoder().decode(await viewer.inflate(data.outlines)));
  };

  const stride = [data.shape[1] * data.shape[2], data.shape[2], 1];
  const corners = Array.from({ length: 8 }, (_, c) => (c & 1) * stride[0] + ((c >> 1) & 1) * stride[1] + ((c >> 2) & 1) * stride[2]);
  // A place this close to a voxel centre is the centre: round-off must not ask a neighbour that is hidden.
  const SAME = 1e-6;

  /* Where places lie between voxel centres. `place(k)` gives [x, y, z] in mm. Up to half a voxel beyond the outermost
     centres, where the outermost voxels end, their values go on; further out there is nothing. */
  viewer.between = function (count, place) {
    const base = new Int32Array(count), weight = new Float64Array(3 * count);
    for (let k = 0; k < count; k++) {
      const at = place(k);
      let flat = 0;
      for (let a = 0; a < 3; a++) {
        const n = data.shape[a];
        let t = (at[a] - viewer.first[a]) / viewer.step[a];
        if (t < -0.5 - SAME || t > n - 0.5 + SAME) { flat = -1; break; }
        t = Math.min(Math.max(t, 0), n - 1);
        const low = Math.min(Math.floor(t), n - 2), part = t - low;
        weight[3 * k + a] = part < SAME ? 0 : part > 1 - SAME ? 1 : part;
        flat += low * stride[a];
      }
      base[k] = flat;
    }
    return { count, base, weight };
  };

  // Trilinear; NaN outside the grid and wherever a voxel that takes part is hidden.
  viewer.sampled = function (name, places) {
    const volume = volumes[name], { base, weight, count } = places, values = new Float32Array(count);
    for (let k = 0; k < count; k++) {
      if (base[k] < 0) { values[k] = NaN; continue; }
      const wx = weight[3 * k], wy = weight[3 * k + 1], wz = weight[3 * k + 2];
      let sum = 0;
      for (let c = 0; c < 8; c++) {
        const w = (c & 1 ? wx : 1 - wx) * (c & 2 ? wy : 1 - wy) * (c & 4 ? wz : 1 - wz);
        if (w === 0) continue;
        const value = volume[base[k] + corners[c]];
        if (value === data.hidden) { sum = NaN; break; }
        sum += w * value;
      }
      values[k] = sum;
    }
    return values;
  };

  // Index of the voxel that holds a place, −1 outside the grid.
  viewer.voxel = function (at) {
    let flat = 0;
    for (let a = 0; a < 3; a++) {
      const i = Math.round((at[a] - viewer.first[a]) / viewer.step[a]);
      if (i < 0 || i >= data.shape[a]) return -1;
      flat += i * stride[a];
    }
    return flat;
  };
})(window.seedViewer);
