// The interactive graph: state, controls and events.

const TOUCH = window.matchMedia("(pointer: coarse)").matches;
const CONFIG = {
  displaylogo: false,
  // By default, plotly.js has a button that sends the data to its makers.
  showSendToCloud: false,
  // A tap counts as two clicks, which must not reset the picture; there is a button for that.
  doubleClick: TOUCH ? false : "reset",
  modeBarButtons: [["toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
  toImageButtonOptions: { format: "svg", filename: "agent_graph" },
};
const BAR = 56; // Height of a colour bar with its title, in pixels.

function firstState(data) {
  const kinds = data.agents.scales.kind;
  const several = kinds && kinds.values.length !== 1;
  return {
    episode: 0, step: 0, channel: 0, column: "", bins: "equal", threshold: 0, agent: -1,
    direction: "both", ids: data.agents.count <= 60, colour: several ? "kind" : "", speed: 4,
  };
}

// The columns of a layer and round: the chosen one if it is there, else attention, else the first.
function columnIn(data, state) {
  const channel = data.edges.channels[state.channel];
  const names = channel ? Object.keys(channel.scales) : [];
  if (!names.length) return "";
  const choices = [state.column, "attention", "norm", names[0]];
  return choices.find((name) => name === "none" || names.includes(name));
}

// What a link may set, as in #step=5&column=norm; what is not there is ignored.
function readHash(data, state) {
  const asked = Object.fromEntries(new URLSearchParams(window.location.hash.slice(1)));
  const whole = (name, most) => {
    const value = name in asked ? Number(asked[name]) : NaN;
    if (Number.isInteger(value) && value >= 0 && value <= most) state[name] = value;
  };
  const choice = (name, choices) => {
    if (choices.includes(asked[name])) state[name] = asked[name];
  };
  whole("episode", data.episodes.length - 1);
  whole("channel", data.edges.channels.length - 1);
  whole("step", data.episodes[state.episode].times.length - 1);
  whole("agent", data.agents.count - 1);
  choice("column", ["none", ...Object.keys(data.edges.columns)]);
  choice("colour", ["", ...Object.keys(data.agents.scales)]);
  choice("bins", ["equal", "counts"]);
  choice("direction", ["in", "out", "both"]);
  if (Number(asked.threshold) > 0) state.threshold = Math.min(1, Number(asked.threshold));
  if ("ids" in asked) state.ids = asked.ids === "1";
}

function writeHash(state) {
  const { speed, ...kept } = state;
  const asked = new URLSearchParams({ ...kept, ids: state.ids ? "1" : "0" });
  try {
    window.history.replaceState(null, "", `#${asked}`);
  } catch (error) {
    // The page of a notebook has no address that can change.
  }
}

// Ranges of the axes with equal units that hold the limits in a picture of this size.
function rangesOf(limits, width, height) {
  const unit = Math.max((limits[2] - limits[0]) / width, (limits[3] - limits[1]) / height);
  const [x, y] = [(limits[0] + limits[2]) / 2, (limits[1] + limits[3]) / 2];
  const [w, h] = [(unit * width) / 2, (unit * height) / 2];
  return { x: [x - w, x + w], y: [y - h, y + h] };
}

// Sizes of the picture in pixels, and ranges of its axes.
function sizeOf(data, state, limits, available) {
  const width = Math.max(available, 200);
  const narrow = width < 520;
  const bars = narrow ? Math.max(1, barsOf(data, state).length) : 1;
  // The buttons of plotly always show where there is no pointer that hovers.
  const margin = { l: 10, r: 10, t: TOUCH ? 36 : 10, b: 10 + BAR * bars };
  const inner = width - margin.l - margin.r;
  const shape = (limits[3] - limits[1]) / (limits[2] - limits[0]);
  const most = Math.max(360, 0.78 * window.innerHeight);
  const tall = Math.round(Math.max(200, Math.min(inner * shape, most)));
  const height = tall + margin.t + margin.b;
  const ranges = rangesOf(limits, inner, tall);
  return { width, height, inner, tall, narrow, margin, ranges };
}

function layoutOf(ranges, size, shapes) {
  const axis = { visible: false, showgrid: false, zeroline: false };
  return {
    width: size.width, height: size.height, margin: size.margin, hovermode: "closest",
    paper_bgcolor: "#ffffff", plot_bgcolor: "#ffffff", font: { size: 12, color: "#222222" },
    hoverdistance: 12, hoverlabel: { align: "left" },
    // A finger that scrolls the page must not zoom.
    dragmode: TOUCH ? false : "zoom",
    xaxis: { ...axis, range: ranges.x },
    yaxis: { ...axis, range: ranges.y, scaleanchor: "x", scaleratio: 1 },
    shapes,
  };
}

// The limits of the world.
function frameOf(scene) {
  if (!scene) return [];
  const [x0, y0, x1, y1] = scene.limits;
  return [{ type: "rect", layer: "below", line: { color: "#b8bdc6", width: 1 }, x0, y0, x1, y1 }];
}

function start(root, linked) {
  const data = readData(JSON.parse(root.querySelector("script").textContent));
  const state = firstState(data);
  const made = makeControls(data);
  const parts = arrange(root, made, data.episodes.length > 1);
  let view = null; // Ranges that the user has zoomed to.
  let timer = null;
  let waiting = false;
  const pointer = followPointer(parts.plot);

  function draw() {
    waiting = false;
    state.column = columnIn(data, state);
    showState(made, data, state);
    const scene = sceneOf(data, state);
    const size = sizeOf(data, state, limitsOf(data, state), parts.plot.clientWidth);
    const ranges = view || size.ranges;
    const unit = (ranges.x[1] - ranges.x[0]) / size.inner;
    const drawing = drawingOf(data, state, scene, unit, Math.min(size.inner, size.tall));
    const traces = [drawing.nodes, ...barTraces(data, state, size.tall, size.narrow)];
    const layout = layoutOf(ranges, size, [...frameOf(scene), ...drawing.shapes]);
    Plotly.react(parts.plot, traces, layout, CONFIG);
    write(parts, data, state, drawing.edges, scene);
    const corner = { x: ranges.x[0], y: ranges.y[1], unit, margin: size.margin };
    pointer.show(spotsOf(data, state, drawing, corner));
    if (linked && timer === null) writeHash(state);
  }

  // Several events before the next frame are drawn once.
  function redraw() {
    if (!waiting) window.requestAnimationFrame(draw);
    waiting = true;
  }

  function set(name, value) {
    state[name] = value;
    const last = data.episodes[state.episode].times.length - 1;
    state.step = Math.min(state.step, last);
    if (name === "episode") view = null;
    redraw();
  }

  function stop() {
    window.clearTimeout(timer);
    timer = null;
    made.play.textContent = "Play";
    redraw();
  }

  function play() {
    const last = data.episodes[state.episode].times.length - 1;
    if (state.step >= last) return stop();
    set("step", state.step + 1);
    timer = window.setTimeout(play, 1000 / state.speed);
  }

  made.play.addEventListener("click", () => {
    if (timer !== null) return stop();
    if (state.step === data.episodes[state.episode].times.length - 1) state.step = -1;
    made.play.textContent = "Pause";
    play();
  });
  for (const name of ["step", "episode", "channel", "threshold", "agent", "speed"]) {
    made[name].addEventListener("input", () => set(name, Number(made[name].value)));
  }
  for (const name of ["column", "bins", "colour"]) {
    made[name].addEventListener("input", () => set(name, made[name].value));
  }
  made.direction.addEventListener("input", (event) => set("direction", event.target.value));
  made.ids.addEventListener("input", () => set("ids", made.ids.checked));
  if (linked) readHash(data, state);
  draw();
  let clicked = -Infinity;
  parts.plot.on("plotly_click", (event) => {
    const number = event.points[0].customdata;
    // A tap is two clicks: one of the finger and one of the mouse that the browser imitates.
    const again = performance.now() - clicked < 500;
    clicked = performance.now();
    if (number !== undefined && !again) set("agent", number === state.agent ? -1 : number);
  });
  parts.plot.on("plotly_relayout", (change) => {
    if (!Object.keys(change).some((name) => name.includes("axis"))) return;
    const { xaxis, yaxis } = parts.plot.layout;
    view = { x: [...xaxis.range], y: [...yaxis.range] };
    redraw();
  });
  let last = window.innerWidth;
  window.addEventListener("resize", () => {
    // On phones, the height changes with the bar of the address.
    if (window.innerWidth !== last) redraw();
    last = window.innerWidth;
  });
  if (linked) window.addEventListener("hashchange", () => { readHash(data, state); redraw(); });
}

document.querySelectorAll(".viewer").forEach((root, number) => start(root, number === 0));
