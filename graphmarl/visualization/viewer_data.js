// Reading of the packed tables.

const ARRAYS = { f4: Float32Array, i4: Int32Array, u2: Uint16Array, u1: Uint8Array };
const MISSING = { u2: 65535, u1: 255 };

function arrayOf(packed) {
  const text = atob(packed.data);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  return new ARRAYS[packed.type](bytes.buffer);
}

// The number in a row of a column; columns are decoded when they are first read.
function columnOf(packed) {
  let codes = null;
  return (row) => {
    if (codes === null) codes = arrayOf(packed);
    if (packed.type === "f4") return codes[row];
    return codes[row] === MISSING[packed.type] ? NaN : packed.low + packed.unit * codes[row];
  };
}

function columnsOf(packed) {
  const found = {};
  for (const name of Object.keys(packed)) found[name] = columnOf(packed[name]);
  return found;
}

function readData(source) {
  const agents = source.agents;
  const edges = source.edges;
  const pool = source.scenes.pool.map(arrayOf);
  const last = source.episodes[source.episodes.length - 1];
  return {
    ...source,
    moments: last.first + last.times.length,
    agents: {
      count: agents.count,
      scales: agents.scales,
      starts: arrayOf(agents.starts),
      number: arrayOf(agents.number),
      x: arrayOf(agents.x),
      y: arrayOf(agents.y),
      columns: columnsOf(agents.columns),
    },
    edges: {
      channels: edges.channels,
      words: edges.words,
      starts: arrayOf(edges.starts),
      sender: arrayOf(edges.sender),
      receiver: arrayOf(edges.receiver),
      columns: columnsOf(edges.columns),
    },
    scenes: { times: source.scenes.times, pool },
  };
}

// Rows of the live agents of the step that is shown, by their numbers.
function agentsOf(data, state) {
  const moment = data.episodes[state.episode].first + state.step;
  const found = new Map();
  for (let row = data.agents.starts[moment]; row < data.agents.starts[moment + 1]; row += 1) {
    found.set(data.agents.number[row], row);
  }
  return found;
}

function sceneOf(data, state) {
  const episode = data.episodes[state.episode];
  return episode.episode === 0 ? data.scenes.times[episode.times[state.step]] || null : null;
}

// Bounds of the bins of the column that is shown; null without a column.
function boundsOf(data, state) {
  const channel = data.edges.channels[state.channel];
  const scale = channel ? channel.scales[state.column] : null;
  return scale ? scale[state.bins] : null;
}

// The number at a share of the scale.
function valueAt(bounds, share) {
  const place = share * (bounds.length - 1);
  const bin = Math.min(Math.floor(place), bounds.length - 2);
  return bounds[bin] + (place - bin) * (bounds[bin + 1] - bounds[bin]);
}

function binOf(bounds, value) {
  let bin = bounds.length - 2;
  while (bin > 0 && value < bounds[bin]) bin -= 1;
  return bin;
}

function takesPart(state, sender, receiver) {
  const receives = state.direction !== "out" && receiver === state.agent;
  return receives || (state.direction !== "in" && sender === state.agent);
}

// Edges of the step that are drawn, and how many are left out for which reason.
function edgesOf(data, state, agents) {
  const { starts, sender, receiver, columns } = data.edges;
  const moment = data.episodes[state.episode].first + state.step;
  const found = { rows: [], total: 0, dead: 0, others: 0, same: 0 };
  Object.assign(found, { below: 0, hidden: 0, over: 0, missing: 0 });
  if (!data.edges.channels.length) return found;
  const first = state.channel * data.moments + moment;
  const bounds = boundsOf(data, state);
  const least = bounds && state.threshold > 0 ? valueAt(bounds, state.threshold) : -Infinity;
  for (let row = starts[first]; row < starts[first + 1]; row += 1) {
    found.total += 1;
    const from = agents.get(sender[row]);
    const to = agents.get(receiver[row]);
    const value = bounds ? columns[state.column](row) : NaN;
    if (from === undefined || to === undefined) found.dead += 1;
    else if (state.agent >= 0 && !takesPart(state, sender[row], receiver[row])) found.others += 1;
    else if (samePlace(data, from, to)) found.same += 1;
    else if (least > -Infinity && Number.isNaN(value)) found.hidden += 1;
    else if (value < least) found.below += 1;
    else found.rows.push({ row, from, to, value });
  }
  if (found.rows.length > data.arrows) {
    found.over = found.rows.length - data.arrows;
    found.rows.sort((a, b) => rank(b.value) - rank(a.value));
    found.rows.length = data.arrows;
  }
  if (bounds) found.missing = found.rows.filter((edge) => Number.isNaN(edge.value)).length;
  return found;
}

function rank(value) {
  return Number.isNaN(value) ? -Number.MAX_VALUE : value;
}

function samePlace(data, from, to) {
  return data.agents.x[from] === data.agents.x[to] && data.agents.y[from] === data.agents.y[to];
}

// Lower-left and upper-right corner of all that an episode draws.
function limitsOf(data, state) {
  const episode = data.episodes[state.episode];
  const limits = [Infinity, Infinity, -Infinity, -Infinity];
  const include = (x, y) => {
    limits[0] = Math.min(limits[0], x);
    limits[1] = Math.min(limits[1], y);
    limits[2] = Math.max(limits[2], x);
    limits[3] = Math.max(limits[3], y);
  };
  const last = data.agents.starts[episode.first + episode.times.length];
  for (let row = data.agents.starts[episode.first]; row < last; row += 1) {
    include(data.agents.x[row], data.agents.y[row]);
  }
  for (let step = 0; step < episode.times.length; step += 1) {
    const scene = sceneOf(data, { ...state, step });
    if (scene) {
      include(scene.limits[0], scene.limits[1]);
      include(scene.limits[2], scene.limits[3]);
    }
  }
  if (limits[0] > limits[2]) return [0, 0, 1, 1];
  const size = Math.max(limits[2] - limits[0], limits[3] - limits[1]) || 1;
  const space = 0.04 * size;
  return [limits[0] - space, limits[1] - space, limits[2] + space, limits[3] + space];
}
