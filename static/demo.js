/* Plays a demo: puts one frame after the other on the screen, and lets the visitor take over.
   Everything it shows came with the page; nothing is sent anywhere. */
"use strict";

(() => {
  const player = document.querySelector("[data-player]");
  const stage = player.querySelector("[data-stage]");
  const status = player.querySelector("[data-says]");
  const toggle = player.querySelector("[data-do=toggle]");
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const { chosen } = player.dataset;

  const reels = {};
  for (const frame of player.querySelectorAll("template[data-reel]")) {
    (reels[frame.dataset.reel] ??= []).push(frame);
  }
  const stillOf = (kind, value) => [...player.querySelectorAll(`template[data-still=${kind}]`)]
    .find((each) => each.dataset.value === value);
  const finished = document.createElement("template");
  finished.content.append(...[...stage.childNodes].map((each) => each.cloneNode(true)));

  let reel = "story";
  let index = -1; // before the first frame: the finished story
  let shown = finished;
  let asked = ["story", 0]; // where the question was shown last
  let isMine = false;
  let timer = 0;
  let due = 0;
  let left = 0; // how much of the pause before the next frame is left
  const words = { "(your comment)": "", "(your answer)": "" };

  /* --- the picture --- */
  const fill = (picture) => {
    for (const each of picture.querySelectorAll("dd")) {
      const mine = words[each.textContent];
      if (mine) each.textContent = mine;
      else if (mine === "") each.parentElement.remove();
    }
  };
  /* Always a new picture, also for one part that unfolds: what is new has not moved. */
  const put = (source, unfold) => {
    if (source === shown && !unfold) return;
    const picture = source.content.cloneNode(true);
    fill(picture);
    if (unfold) picture.querySelector(unfold).open = true;
    stage.replaceChildren(picture);
    shown = source;
  };
  const look = (at) => {
    const part = at && stage.querySelector(at);
    const top = part ? part.getBoundingClientRect().top - stage.getBoundingClientRect().top + stage.scrollTop - 20 : 0;
    stage.scrollTo({ top, behavior: isStill ? "instant" : "smooth" });
  };
  const say = (text) => { status.textContent = text; };
  const isReady = () => index >= 0 && "ready" in reels[reel][index].dataset;

  const show = (name, number) => {
    [reel, index] = [name, number];
    const frames = reels[reel];
    const { caption, look: at, press, type, into, unfold } = frames[index].dataset;
    put(frames.slice(0, index + 1).findLast((each) => each.content.firstChild), unfold);
    if (type) stage.querySelector(into).value = type;
    for (const each of stage.querySelectorAll(".pressing")) each.classList.remove("pressing");
    if (press) stage.querySelector(press).classList.add("pressing");
    look(at);
    if (isReady()) asked = [reel, index];
    stage.dataset.frame = `${reel}.${index}`;
    mark();
    if (!isMine) say(caption);
  };
  const mark = () => {
    let current = null;
    for (const each of player.querySelectorAll("[data-chapter]")) {
      each.removeAttribute("aria-current");
      if (reel === "story" && Number(each.dataset.chapter) <= index) current = each;
    }
    current?.setAttribute("aria-current", "step");
  };

  /* --- time --- */
  const isPlaying = () => timer !== 0;
  const tell = () => {
    toggle.textContent = isPlaying() ? "Pause" : "Play";
    // Whoever listens hears what they asked for, not a film that runs by itself.
    status.setAttribute("aria-live", isPlaying() && !isMine ? "off" : "polite");
    status.classList.toggle("mine", isMine);
  };
  const pause = () => {
    if (isPlaying()) left = Math.max(0, due - performance.now());
    clearTimeout(timer);
    timer = 0;
    tell();
  };
  const wait = (milliseconds) => {
    due = performance.now() + milliseconds;
    timer = setTimeout(advance, milliseconds);
    tell();
  };
  const pauseAfter = (number) => {
    const [now, next] = [reels[reel][number], reels[reel][number + 1]];
    return next ? next.dataset.at - now.dataset.at : 0;
  };
  const isOver = () => index === reels[reel].length - 1;
  const go = () => {
    left = 0;
    if (!isOver()) { wait(pauseAfter(index)); return; }
    pause();
    if (isMine) say(isReady() ? "Now it is you who answers." : "That is how it goes on after your answer. Nothing was recorded or sent.");
  };
  const advance = () => {
    timer = 0;
    show(reel, index + 1);
    go();
  };
  const begin = (name, number = 0) => { pause(); show(name, number); go(); };

  /* --- the controls --- */
  const stop = () => { pause(); left = 0; isMine = false; };
  const acts = {
    toggle() {
      if (isPlaying()) { pause(); return; }
      if (index < 0 || isOver()) { acts.replay(); return; }
      if (reel === "story") isMine = false;
      wait(left || pauseAfter(index));
    },
    step() { stop(); show("story", reel !== "story" || index < 0 || isOver() ? 0 : index + 1); tell(); },
    back() { stop(); show("story", reel !== "story" || index < 1 ? reels.story.length - 1 : index - 1); tell(); },
    replay() { stop(); begin("story"); },
    take() { takeOver("story", reels.story.findIndex((each) => "ready" in each.dataset)); },
  };
  player.addEventListener("click", (event) => acts[event.target.closest("[data-do]")?.dataset.do]?.());

  /* --- the visitor takes over --- */
  const giveWay = () => {
    if (!isPlaying() || isMine) return;
    pause();
    isMine = true;
    tell();
    say("Yours now: the story waits. Play goes on with it.");
  };
  const takeOver = (name, number) => {
    stop();
    isMine = true;
    show(name, number);
    tell();
    say("Now it is you who answers.");
    stage.focus({ preventScroll: true });
  };
  for (const name of ["focusin", "click", "input"]) stage.addEventListener(name, giveWay);

  const keyOf = (sent) => {
    if (sent.has("confirmed")) return shown.dataset.value;
    if (stage.querySelector("[data-ask]")?.dataset.kind !== "text") return sent.get("value");
    words["(your answer)"] = sent.get("value").trim();
    return "typed";
  };
  const choose = (sent) => {
    const key = keyOf(sent);
    if (!sent.has("confirmed")) words["(your comment)"] = (sent.get("comment") ?? "").trim();
    const isChecked = sent.has("confirmed") || !(stage.querySelector(".badge.high") || sent.has("review"));
    shown = null; // what is filled in may have changed
    if (isChecked) {
      begin(key);
      if (isPlaying()) say("Your answer is on the page. The agent goes on.");
    } else {
      put(stillOf("review", key));
      look("");
      say("Check it, then record it or go back.");
    }
    stage.focus({ preventScroll: true });
  };
  stage.addEventListener("submit", (event) => {
    event.preventDefault();
    pause();
    isMine = true;
    tell();
    const sent = new FormData(event.target, event.submitter);
    if (event.submitter?.hasAttribute("formaction")) say("A mail would go out now. In the demo any code will do.");
    else if (sent.has("code")) acts.take();
    else if (sent.has("back")) takeOver(...asked);
    else choose(sent);
  });
  stage.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link) return;
    event.preventDefault();
    stop();
    isMine = true;
    const value = reel === "story" ? chosen : reel;
    if (link.hasAttribute("download")) say("The real page hands out the signed receipt as a JSON file here.");
    else if (link.pathname.includes("/receipt/")) { put(stillOf("receipt", value)); look(""); }
    else { shown = null; show(value, reels[value].length - 1); }
    tell();
  });

  /* --- the beginning --- */
  stage.dataset.frame = "finished";
  if (isStill) { say("This is the finished story. Step goes through it from its start."); return; }
  show("story", 0);
  new IntersectionObserver((entries, observer) => {
    if (!entries.some((each) => each.isIntersecting)) return;
    observer.disconnect();
    if (!isPlaying() && index === 0 && !isMine) go();
  }, { threshold: .25 }).observe(stage);
})();
