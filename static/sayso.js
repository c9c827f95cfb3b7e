/* What the pages do beside the forms, which work without any of this. */
"use strict";

(() => {
  const byData = (name) => document.querySelector(`[data-${name}]`);

  /* --- answers are inert at first (SE-08) ---
     A page that was just put under somebody's pointer must not take the click that was meant for
     what lay there before: the form counts only when this document has been seen and focused for a
     while and a pointer or a key was used in it. */
  const SETTLE = 700;
  let settledAt = Infinity;
  let touched = false;

  /* What was swapped in is as new to the person as a page is. */
  const disarm = () => { settledAt = Infinity; touched = false; };
  const armed = () => touched && performance.now() >= settledAt;
  const show = () => {
    document.querySelectorAll("[data-guarded] button:not([hidden])").forEach((button) => {
      if (performance.now() >= settledAt) button.removeAttribute("aria-disabled");
      else button.setAttribute("aria-disabled", "true");
    });
  };
  const settle = () => {
    const seen = document.visibilityState === "visible" && document.hasFocus();
    if (seen && settledAt === Infinity) {
      settledAt = performance.now() + SETTLE;
      setTimeout(show, SETTLE + 20);
    } else if (!seen) {
      settledAt = Infinity;
    }
    show();
  };
  for (const name of ["focus", "blur", "pageshow"]) addEventListener(name, settle);
  document.addEventListener("visibilitychange", settle);
  for (const name of ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"]) {
    addEventListener(name, () => { touched = true; }, { capture: true, passive: true });
  }
  document.addEventListener("submit", (event) => {
    if (event.target.matches("[data-guarded]") && !armed()) event.preventDefault();
  }, true);
  settle();

  /* --- words that were typed survive a reload, in this tab alone, until they are recorded --- */
  let drafts = null;
  try { drafts = sessionStorage; } catch { /* storage is forbidden here */ }
  const draftKey = (ask, field) => `sayso:${ask}:${field}`;
  const restore = () => {
    const form = byData("draft");
    for (const field of form?.querySelectorAll("textarea, input:not([type=hidden]):not([type=radio])") ?? []) {
      field.value ||= drafts?.getItem(draftKey(form.dataset.draft, field.name)) ?? "";
    }
    const recorded = document.querySelector(".stamped[data-ask]")?.dataset.ask;
    for (const name of recorded ? ["value", "comment"] : []) drafts?.removeItem(draftKey(recorded, name));
  };
  document.addEventListener("input", (event) => {
    const form = event.target.closest("[data-draft]");
    if (form && event.target.type !== "radio") drafts?.setItem(draftKey(form.dataset.draft, event.target.name), event.target.value);
  });

  /* --- how far away a time is, and what it is on this clock --- */
  const UNITS = [[86400, 172800, "day"], [3600, 7200, "hour"], [60, 60, "minute"]];
  const inWords = (milliseconds) => {
    const seconds = Math.floor(Math.abs(milliseconds) / 1000);
    const unit = UNITS.find(([, from]) => seconds >= from);
    if (!unit) return "less than a minute";
    const number = Math.floor(seconds / unit[0]);
    return `${number} ${unit[2]}${number === 1 ? "" : "s"}`;
  };
  const tick = () => {
    for (const each of document.querySelectorAll("[data-distance]")) {
      const left = Date.parse(each.dataset.distance) - Date.now();
      each.textContent = left >= 0 ? `(in ${inWords(left)})` : `(${inWords(left)} ago)`;
    }
  };
  const localize = () => {
    for (const each of document.querySelectorAll(".card-top time[data-local]")) {
      const local = new Date(each.dateTime);
      const clock = local.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
      if (each.textContent.includes(clock) || each.parentElement.querySelector(".here")) continue;
      const here = document.createElement("span");
      here.className = "here";
      here.textContent = ` · ${local.toLocaleDateString("en-GB", { weekday: "short" })} ${clock} on your clock`;
      each.parentElement.append(here);
    }
  };

  /* --- how much room is left --- */
  const count = (field) => {
    const shown = document.getElementById(`${field.id}-hint`);
    shown.dataset.rule ??= shown.textContent;
    shown.textContent = `${shown.dataset.rule} ${[...field.value].length.toLocaleString("en")} so far.`;
  };
  document.addEventListener("input", (event) => { if (event.target.matches("[data-counted]")) count(event.target); });

  /* --- what happens while the page is open --- */
  const PAUSES = [3000, 10000, 30000];
  const live = byData("live");
  let source = null;
  let failures = 0;
  let timer = 0;
  let fetching = false;

  const isBusy = (part) => {
    const focused = document.activeElement;
    if (focused && focused !== document.body && part.contains(focused)) return true;
    return [...part.querySelectorAll("textarea, input:not([type=hidden]):not([type=radio])")].some((field) => field.value !== field.defaultValue)
      || Boolean(part.querySelector("input[type=radio]:checked"));
  };
  let mustReload = false;
  const say = (words) => { live.textContent = words; };
  const swap = (fresh, name) => {
    const old = document.querySelector(`[data-live-part="${name}"]`);
    const next = fresh.querySelector(`[data-live-part="${name}"]`);
    if (!old || !next || old.dataset.version === next.dataset.version) return false;
    if (name === "card" && isBusy(old)) {
      say("This request has changed. Reload the page to see it as it is now.");
      live.classList.remove("vh");
      mustReload = true;
      return false;
    }
    old.replaceWith(document.adoptNode(next));
    return true;
  };
  const refresh = async () => {
    if (fetching) return;
    fetching = true;
    try {
      const response = await fetch(location.pathname, { headers: { Accept: "text/html" } });
      if (!response.ok) return;
      const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
      const cardChanged = swap(fresh, "card");
      const progressChanged = swap(fresh, "progress");
      if (cardChanged) {
        document.title = fresh.title;
        say(`Updated: ${document.querySelector("main h1")?.innerText ?? ""}`);
      } else if (progressChanged && !mustReload) {
        say("Something new has happened.");
      }
      if (cardChanged) disarm();
      if (cardChanged || progressChanged) arrive();
      if (!fresh.querySelector("[data-live]")?.dataset.live) { live.dataset.live = ""; stop(); }
    } catch {
      /* the next try comes */
    } finally {
      fetching = false;
    }
  };
  /* The stream begins with how things stand, which this page mostly shows already. */
  const isNews = ({ seq, status }) => {
    const part = (name) => document.querySelector(`[data-live-part="${name}"]`)?.dataset;
    return String(seq) !== part("progress")?.version || (status ?? "") !== part("card")?.status;
  };
  const stop = () => {
    source?.close();
    source = null;
    clearTimeout(timer);
  };
  const poll = () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      await refresh();
      if (live.dataset.live && !document.hidden) poll();
    }, PAUSES[Math.min(failures++, PAUSES.length - 1)]);
  };
  const listen = () => {
    if (!live?.dataset.live || document.hidden || source) return;
    source = new EventSource(live.dataset.live);
    source.addEventListener("open", () => { failures = 0; });
    source.addEventListener("change", (event) => { if (isNews(JSON.parse(event.data))) refresh(); });
    source.addEventListener("error", () => {
      if (source?.readyState !== EventSource.CLOSED) return;
      stop();
      poll();
    });
  };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { stop(); return; }
    if (live?.dataset.live) { failures = 0; refresh(); listen(); }
  });
  const watchDeadline = () => {
    const closes = Date.parse(document.querySelector("[data-closes]")?.dataset.closes);
    const left = closes - Date.now();
    if (left > 0 && left < 2 ** 31 - 2000) setTimeout(refresh, left + 1500);
  };

  const arrive = () => { settle(); restore(); tick(); localize(); watchDeadline(); };
  arrive();
  listen();
  setInterval(tick, 30000);

  const notice = byData("notice");
  if (notice?.matches("[role=alert]")) notice.focus();
  const print = byData("print");
  if (print) {
    print.hidden = false;
    print.addEventListener("click", () => window.print());
  }
})();
