"use strict";
/* Planes through the patient: the three of the grid, and any other.
   A plane has an origin, two directions in it (u to the right, v up on the screen) and its normal n = u × v, which
   points at the viewer; lengths in mm, patient frame LPS. A place in it is origin + a u + b v. */
(function (viewer) {
  const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  const plus = (a, b, factor) => a.map((v, k) => v + factor * b[k]);
  const times = (a, factor) => a.map((v) => factor * v);
  const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
  const unit = (a) => times(a, 1 / Math.hypot(...a));
  viewer.vectors = { dot, plus, times, cross, unit };
  const AXES = "xyz";
  // Towards − and + of the axes of the patient frame.
  const LETTERS = ["RL", "AP", "IS"];
  const radians = (degrees) => (Math.PI * degrees) / 180;

  /* Letters of a direction, the larger part first; parts below 0.2 (12 degrees off) are left out. */
  viewer.letters = function (direction) {
    return [0, 1, 2].filter((a) => Math.abs(direction[a]) > 0.2)
      .sort((a, b) => Math.abs(direction[b]) - Math.abs(direction[a]))
      .map((a) => LETTERS[a][direction[a] > 0 ? 1 : 0]).join("");
  };

  // Across, up, through: axes of the grid in each view. An axial slice is seen from the feet, its y axis points down.
  const GRID_VIEWS = {
    axial: { across: 0, up: 1, through: 2, flip: true },
    coronal: { across: 0, up: 2, through: 1, flip: false },
    sagittal: { across: 1, up: 2, through: 0, flip: false },
  };
  viewer.gridViews = GRID_VIEWS;

  const along = (a) => [0, 1, 2].map((k) => (k === a ? 1 : 0));
  const arrow = (low, name, high) => low + "  ←  " + name + " / mm  →  " + high;

  function withPlaces(plane) {
    const width = plane.across.length;
    plane.place = (a, b) => plus(plus(plane.origin, plane.u, a), plane.v, b);
    plane.between = viewer.between(width * plane.up.length, (k) =>
      plane.place(plane.across[k % width], plane.up[Math.floor(k / width)]));
    return plane;
  }

  viewer.gridPlane = function (name, slice) {
    const { across, up, through, flip } = GRID_VIEWS[name], place = viewer.coordinates[through][slice];
    const edges = (a) => [viewer.first[a] - viewer.step[a] / 2, viewer.first[a] + (viewer.shape[a] - 0.5) * viewer.step[a]];
    const title = (a, turned) => (turned ? arrow(LETTERS[a][1], AXES[a], LETTERS[a][0]) : arrow(LETTERS[a][0], AXES[a], LETTERS[a][1]));
    return withPlaces({
      name, slice, origin: times(along(through), place), u: along(across), v: along(up), n: along(through),
      across: viewer.coordinates[across], up: viewer.coordinates[up], offset: place,
      range: [edges(across), flip ? edges(up).reverse() : edges(up)],
      titles: [title(across, false), title(up, flip)],
      label: AXES[through] + " = " + viewer.fixed(place, 1) + " mm",
    });
  };

  /* Directions of a plane that holds a line. At 0 degrees v points as far to the head as it can (to the front where the
     line runs along the body); the plane turns about the line with the right hand. */
  viewer.aboutLine = function (direction, degrees) {
    const u = unit(direction);
    const upright = Math.abs(u[2]) > 0.9 ? [0, -1, 0] : [0, 0, 1];
    const v = unit(plus(upright, u, -dot(upright, u))), n = cross(u, v), angle = radians(degrees);
    const turned = plus(times(v, Math.cos(angle)), n, Math.sin(angle));
    return { u, v: turned, n: cross(u, turned) };
  };

  /* Directions of a free plane: coronal at (0, 0), sagittal at (90, 0), axial at (any, 90). It turns about the long axis of
     the body, then tilts about its own horizontal. */
  viewer.freeDirections = function (turn, tilt) {
    const a = radians(turn), b = radians(tilt);
    const u = [Math.cos(a), Math.sin(a), 0], back = [-Math.sin(a), Math.cos(a), 0];
    const v = plus(times([0, 0, 1], Math.cos(b)), back, -Math.sin(b));
    return { u, v, n: cross(u, v) };
  };

  function gridCorners() {
    return Array.from({ length: 8 }, (_, c) => [0, 1, 2].map((a) => {
      const half = viewer.step[a] / 2;
      return (c >> a) & 1 ? viewer.first[a] + (viewer.shape[a] - 1) * viewer.step[a] + half : viewer.first[a] - half;
    }));
  }

  const MOST_SAMPLES = 256;

  /* A plane at `offset` mm from `centre` along its normal. Its frame holds the whole grid as seen along the normal, so that
     it stays as it is while the offset changes; samples lie as close as the finest voxels. */
  viewer.obliquePlane = function (centre, directions, offset, names) {
    const { u, v, n } = directions;
    const reach = (axis) => {
      const found = gridCorners().map((c) => dot(plus(c, centre, -1), axis));
      return [Math.min(...found), Math.max(...found)];
    };
    const range = [reach(u), reach(v)];
    const finest = Math.min(...viewer.step);
    const samples = ([low, high]) => {
      const step = Math.max(finest, (high - low) / MOST_SAMPLES);
      // Samples lie at whole multiples of the step from the centre: the line through it is sampled itself.
      const from = Math.ceil(low / step), to = Math.floor(high / step);
      return Float64Array.from({ length: to - from + 1 }, (_, i) => (from + i) * step);
    };
    const side = (axis) => viewer.letters(axis);
    return withPlaces({
      name: "oblique", origin: plus(centre, n, offset), u, v, n, offset, range,
      across: samples(range[0]), up: samples(range[1]), reach: reach(n),
      titles: [arrow(side(times(u, -1)), names[0], side(u)), arrow(side(times(v, -1)), names[1], side(v))],
      label: viewer.signed(offset, 1) + " mm towards " + viewer.letters(n),
    });
  };
})(window.seedViewer);
