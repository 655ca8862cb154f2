"use strict";

// Times: in the reader's own time zone.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
for (const element of document.querySelectorAll("time[datetime]")) {
  element.textContent = new Date(element.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  element.title = zone;
}
for (const input of document.querySelectorAll("input[data-utc]")) {
  if (input.dataset.utc) {
    const at = new Date(input.dataset.utc);
    const two = (number) => String(number).padStart(2, "0");
    input.value = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
  }
  const parent = input.parentElement;
  parent.querySelector("input[name=zone]").value = zone;
  parent.querySelector(".zone").textContent = zone;
}

// Handing in: a file may be dropped on the form.
for (const form of document.querySelectorAll("form.drop")) {
  const input = form.querySelector("input[type=file]");
  form.addEventListener("dragover", (event) => { event.preventDefault(); form.classList.add("over"); });
  form.addEventListener("dragleave", () => form.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("over");
    if (event.dataTransfer.files.length === 1) input.files = event.dataTransfer.files;
  });
  form.addEventListener("submit", () => {
    const button = form.querySelector("button");
    button.textContent = "Handing in …";
    setTimeout(() => { button.disabled = true; }, 0);
  });
}
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

// Progress: the server says when something has changed.
const progress = document.getElementById("progress");
if (progress) {
  const graded = progress.dataset.state === "graded";
  const source = new EventSource(progress.dataset.events);
  source.onmessage = (event) => {
    const now = JSON.parse(event.data);
    if (!graded && (now.state === "graded" || now.state === "failed")) {
      source.close();
      location.reload();
      return;
    }
    const status = progress.querySelector("span");
    // Said aloud by screen readers, so only where it is new; the checks below it are quick, and are not.
    if (status.textContent !== now.text) status.textContent = now.text;
    const check = document.getElementById("check");
    if (check) {
      check.hidden = !now.checks;
      const bar = check.querySelector("progress");
      bar.max = now.checks || 1;
      bar.value = now.done || 0;
      check.querySelector("span").textContent = now.check || "";
    }
    const delivery = document.getElementById("delivery");
    if (delivery && now.delivery) delivery.textContent = now.delivery;
    if (now.state === "failed" || (now.delivery && now.delivery !== "on its way")) source.close();
  };
}
if (document.getElementById("waiting")) setTimeout(() => location.reload(), 2000);

// Feedback: the frame is as high as what it shows.
for (const frame of document.querySelectorAll("iframe.feedback")) {
  const fit = () => {
    const page = frame.contentDocument;
    if (page && page.body) frame.style.height = `${page.documentElement.scrollHeight + 24}px`;
  };
  frame.addEventListener("load", () => {
    fit();
    new ResizeObserver(fit).observe(frame.contentDocument.body);
  });
}

// Platforms: forms that go back to them, and storage for browsers that keep no cookies in frames.
const platformFrame = (name) => {
  const parent = window.opener || window.parent;
  try { return name === "_parent" ? parent : parent.frames[name] || parent; } catch { return parent; }
};
const askPlatform = (element, message) => new Promise((done) => {
  const id = crypto.randomUUID();
  const timer = setTimeout(() => done(null), 3000);
  addEventListener("message", (event) => {
    if (event.data && event.data.message_id === id && event.origin === element.dataset.origin) {
      clearTimeout(timer);
      done(event.data);
    }
  });
  platformFrame(element.dataset.frame).postMessage({ ...message, message_id: id }, element.dataset.origin);
});
const put = document.getElementById("storage-put");
if (put) {
  askPlatform(put, { subject: "lti.put_data", key: put.dataset.key, value: put.dataset.value })
    .then(() => { location.replace(put.dataset.target); });
}
const get = document.getElementById("storage-get");
if (get) {
  askPlatform(get, { subject: "lti.get_data", key: get.dataset.key }).then((answer) => {
    get.elements.binding.value = (answer && answer.value) || "";
    get.submit();
  });
}
for (const form of document.querySelectorAll("form.submits-itself")) form.submit();
if (document.querySelector(".closes")) {
  (window.opener || window.parent).postMessage({ subject: "org.imsglobal.lti.close" }, "*");
}
