"use strict";
const at = (id) => document.getElementById(id);
const state = { answers: [], comments: {}, place: 0, queue: Promise.resolve() };

async function post(what, body) {
  return fetch(what, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

const question = () => at("question").value;
const shown = () => state.answers.filter((answer) => answer.grade_id === question());
const current = () => shown()[state.place];
const waits = (answer) => (answer.answered && answer.mark.score === null) || answer.review;

function say(text, kind = "soft") {
  at("said").textContent = text;
  at("said").className = kind;
}

function show() {
  const answers = shown();
  const answer = current();
  for (const part of document.querySelectorAll(".question")) part.hidden = part.dataset.id !== question();
  const most = Number(at("question").selectedOptions[0].dataset.points);
  at("most").textContent = most;
  at("score").max = most;
  const open = answers.filter(waits).length;
  at("place").textContent = answers.length ? `${state.place + 1} of ${answers.length}` : "no answers";
  at("done").textContent = open ? `${open} wait` : "none waits";
  at("progress").value = answers.length ? 1 - open / answers.length : 1;
  at("points").replaceChildren();
  if (!answer) return;
  at("student").textContent = answer.student;
  at("state").textContent = answer.review ? "(handed in anew: are the points still right?)"
    : !answer.answered ? "(no answer given: 0 points)" : answer.mark.score === null ? "(waits)" : "";
  at("answer").innerHTML = answer.text; // harmless HTML from the server; the page's policy runs no script in it
  at("score").value = answer.mark.score ?? "";
  at("comment").value = answer.mark.comment;
  for (let points = 0; points <= Math.min(most, 20); points += 1) {
    const button = document.createElement("button");
    button.textContent = points;
    button.setAttribute("aria-pressed", answer.mark.score === points);
    button.addEventListener("click", () => give(points));
    at("points").append(button);
  }
  showBank();
}

function showBank() {
  const bank = state.comments[question()] ?? [];
  at("none").hidden = bank.length > 0;
  at("bank").replaceChildren(...bank.map((text, place) => {
    const item = document.createElement("li");
    const use = document.createElement("button");
    use.className = "use";
    use.textContent = (place < 9 ? `⇧${place + 1}  ` : "") + text;
    use.addEventListener("click", () => insert(text));
    const drop = document.createElement("button");
    drop.textContent = "×";
    drop.setAttribute("aria-label", "Forget this comment");
    drop.addEventListener("click", () => store(bank.filter((other) => other !== text)));
    item.append(use, drop);
    return item;
  }));
}

// One request after the other, so that each knows what the one before has written.
function save(answer, change) {
  state.queue = state.queue.then(async () => {
    const mark = { ...answer.mark, ...change };
    const again = answer.review && change.score !== undefined;
    if (!again && mark.score === answer.mark.score && mark.comment === answer.mark.comment) return;
    let reply;
    try {
      reply = await post("save", { student: answer.student, grade_id: answer.grade_id, mark, before: answer.mark });
    } catch {
      say("The server does not answer: nothing was saved.", "bad");
      return;
    }
    const found = await reply.json();
    if (reply.ok) {
      answer.mark = found;
      answer.review = false;
      say(`Saved: ${answer.student}, ${found.score ?? "no"} points.`, "good");
    } else if (reply.status === 409) {
      answer.mark = found;
      say(`Somebody else has graded ${answer.student} meanwhile: ${found.score ?? "no"} points. Yours were not saved.`, "bad");
    } else {
      say(`Not saved: ${found.error}`, "bad");
    }
    if (answer === current()) show();
    else at("done").textContent = `${shown().filter(waits).length} wait`;
  });
  return state.queue;
}

const give = (score) => current() && save(current(), { score, comment: at("comment").value });
const leave = () => current() && save(current(), { comment: at("comment").value });

function go(place) {
  const count = shown().length;
  if (!count) return;
  leave();
  state.place = Math.max(0, Math.min(count - 1, place));
  say("");
  show();
  window.scrollTo(0, 0);
}

function nextWaiting() {
  const answers = shown();
  for (let step = 1; step <= answers.length; step += 1) {
    const place = (state.place + step) % answers.length;
    if (waits(answers[place])) return go(place);
  }
  leave();
  return say("No answer waits any more.", "good");
}

function insert(text) {
  const field = at("comment");
  field.value = field.value.trim() ? `${field.value.trimEnd()}\n${text}` : text;
  leave();
}

async function store(comments) {
  const reply = await post("comments", { grade_id: question(), comments });
  if (reply.ok) state.comments[question()] = comments;
  else say(`Not kept: ${(await reply.json()).error}`, "bad");
  showBank();
}

function keep() {
  const text = at("comment").value.trim();
  const bank = state.comments[question()] ?? [];
  if (text && !bank.includes(text)) store([...bank, text]);
}

at("next").addEventListener("click", () => go(state.place + 1));
at("previous").addEventListener("click", () => go(state.place - 1));
at("waiting").addEventListener("click", nextWaiting);
at("keep").addEventListener("click", keep);
at("comment").addEventListener("change", leave);
at("score").addEventListener("change", () => {
  const text = at("score").value;
  if (at("score").reportValidity()) give(text === "" ? null : Number(text));
});
at("question").addEventListener("change", () => {
  state.place = 0;
  show();
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const field = ["INPUT", "TEXTAREA", "SELECT"].includes(event.target.tagName);
  if (event.key === "Escape") event.target.blur();
  if (field) return;
  const most = Number(at("most").textContent);
  const bank = state.comments[question()] ?? [];
  const digit = /^Digit([0-9])$/.exec(event.code)?.[1] ?? (/^[0-9]$/.test(event.key) ? event.key : undefined);
  const keys = { n: () => go(state.place + 1), p: () => go(state.place - 1), w: nextWaiting, k: keep,
    c: () => at("comment").focus(), ArrowRight: () => go(state.place + 1), ArrowLeft: () => go(state.place - 1),
    Backspace: () => give(null),
    ".": () => { const score = current()?.mark.score; if (score !== null && score + 0.5 <= most) give(score + 0.5); } };
  if (event.shiftKey && digit !== undefined) {
    const text = bank[Number(digit) - 1];
    if (text === undefined) return;
    insert(text);
  } else if (digit !== undefined && !event.shiftKey) {
    if (Number(digit) > most) return say(`There are at most ${most} points.`, "bad");
    give(Number(digit));
  } else if (keys[event.key]) {
    keys[event.key]();
  } else {
    return;
  }
  event.preventDefault();
});
window.addEventListener("beforeunload", (event) => {
  if (current() && at("comment").value !== current().mark.comment) event.preventDefault();
});

(async () => {
  const reply = await fetch("answers");
  const found = await reply.json();
  if (!reply.ok) return say(found.error, "bad");
  state.answers = found.answers;
  state.comments = found.comments;
  state.place = Math.max(0, shown().findIndex(waits));
  return show();
})();
