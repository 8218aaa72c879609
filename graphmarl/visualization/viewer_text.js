// Words under the picture: what is drawn, what it means and what is left out.

function counted(number, what) {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

function drawingOf(data, state, scene, unit, size) {
  const agents = agentsOf(data, state);
  const edges = edgesOf(data, state, agents);
  const room = (0.12 * size) / Math.sqrt(Math.max(data.agents.count, 1));
  const radius = Math.max(2.5, Math.min(9, room));
  const { paths, curves } = edgePaths(data, state, edges, unit, radius);
  const map = scenePaths(data, scene, Math.max(5, 1.1 * radius) * unit);
  const nodes = agentTrace(data, state, agents, edges, radius);
  return { shapes: shapesOf([...map, ...paths]), nodes, edges, agents, curves, radius };
}

function swatch(colour, shape, text) {
  const mark = element("i", { className: shape });
  mark.style.background = colour;
  return element("span", {}, mark, text);
}

// Colours of agents and names of objects.
function keyOf(data, state, scene) {
  const found = agentColours(data, state).categories.map((value, i) => {
    return swatch(CATEGORIES[i], "dot", `${state.colour} ${value}`);
  });
  if (!state.colour) found.push(swatch(AGENT, "dot", "agent"));
  if (!scene) return found;
  scene.points.forEach(([name], i) => {
    const colour = data.colours.things[i % data.colours.things.length];
    found.push(swatch(colour, "square", `${name} (opacity: weight)`));
  });
  for (const [name] of scene.lines) {
    found.push(swatch("#777777", "line", `${name} (darker: larger weight)`));
  }
  return found;
}

function wordsOf(data, state) {
  const channel = data.edges.channels[state.channel];
  if (!channel) return "There are no edges.";
  const what = channel.layer ? "message" : "edge of the agent graph";
  const parts = [`Arrow: ${what} from sender to receiver.`];
  if (!channel.layer) parts.push("No messages of a layer are recorded.");
  if (boundsOf(data, state)) {
    parts.push(`Width and colour: ${data.edges.words[state.column]}; all steps share one scale.`);
  }
  if (isAttention(state.column)) {
    parts.push("The agent at the tip attends to the agent at the tail.");
  }
  return parts.join(" ");
}

function captionOf(data, state, edges) {
  const episode = data.episodes[state.episode];
  const time = episode.times[state.step];
  const parts = [
    `Episode ${episode.episode}, step ${state.step} of ${episode.times.length - 1}, time ${time}:`,
    `${edges.rows.length} of ${counted(edges.total, "edge")} drawn.`,
  ];
  const left = (count, why) => {
    if (count) parts.push(`${count} left out: ${why}.`);
  };
  const bounds = boundsOf(data, state);
  if (edges.below) {
    const least = shortNumber(valueAt(bounds, state.threshold));
    left(edges.below, `${state.column} below ${least}`);
  }
  left(edges.hidden, `without ${state.column}`);
  left(edges.others, `not among those of agent ${state.agent} that are chosen`);
  left(edges.dead, "sender or receiver is not alive");
  left(edges.same, "sender and receiver are at the same place");
  left(edges.over, `more than ${data.arrows} edges, the largest are drawn`);
  if (edges.missing) parts.push(`${edges.missing} dotted: without ${state.column}.`);
  return parts.concat(data.notes).join(" ");
}

function listOf(data, state, edges, end, other) {
  const value = (edge) => (Number.isNaN(edge.value) ? "" : ` (${shortNumber(edge.value)})`);
  const own = edges.rows.filter((edge) => data.edges[end][edge.row] === state.agent);
  own.sort((a, b) => rank(b.value) - rank(a.value));
  const named = own.slice(0, 20).map((edge) => `${data.edges[other][edge.row]}${value(edge)}`);
  if (own.length > 20) named.push(`and ${own.length - 20} more`);
  return named.join(", ") || "none";
}

// Numbers of the selected agent, and its edges as a list that can be read without a pointer.
function detailsOf(data, state, edges) {
  if (state.agent < 0) return ["Select an agent by a click to see only its edges."];
  const row = agentsOf(data, state).get(state.agent);
  if (row === undefined) return [`Agent ${state.agent} is not alive in this step.`];
  const { columns } = data.agents;
  const shown = Object.keys(columns).filter((name) => !Number.isNaN(columns[name](row)));
  const numbers = shown.map((name) => `${name} ${shortNumber(columns[name](row))}`);
  const attention = isAttention(state.column);
  const who = `agent ${state.agent}`;
  const lines = [`Agent ${state.agent}: ${numbers.join(", ")}.`];
  if (state.direction !== "out") {
    const list = listOf(data, state, edges, "receiver", "sender");
    lines.push(`${attention ? `Agents that ${who} attends to` : `Senders to ${who}`}: ${list}.`);
  }
  if (state.direction !== "in") {
    const list = listOf(data, state, edges, "sender", "receiver");
    lines.push(`${attention ? `Agents that attend to ${who}` : `Receivers from ${who}`}: ${list}.`);
  }
  return lines;
}

function write(parts, data, state, edges, scene) {
  parts.key.replaceChildren(...keyOf(data, state, scene));
  parts.words.textContent = wordsOf(data, state);
  parts.caption.textContent = captionOf(data, state, edges);
  const lines = detailsOf(data, state, edges).map((line) => element("p", {}, line));
  parts.details.replaceChildren(...lines);
}
