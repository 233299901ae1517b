import { fetchAuth, renew, signOut } from "./auth.js";

const $ = (/** @type {string} */ id) => document.getElementById(id);

/** Asks who is signed in, without sending anybody to sign in. */
async function me() {
  let response = await fetch("/auth/me");
  if (response.status === 401 && (await renew(Date.now())) === "renewed") response = await fetch("/auth/me");
  return response.ok ? response.json() : null;
}

async function show() {
  const user = await me();
  $("sign-in").hidden = Boolean(user);
  $("app").hidden = !user;
  $("email").textContent = user?.email ?? "";
}

$("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = new FormData(event.target), email = form.get("email"), password = form.get("password");
  const route = event.submitter.value;
  const response = await fetch(`/auth/${route}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(route === "token" ? { username: email, password } : { email, password }),
  });
  const problem = response.ok ? null : await response.json();
  $("message").textContent = problem ? [problem.detail, ...(problem.errors ?? []).map((e) => e.detail)].join(" ") : "";
  await show();
});

$("ask").addEventListener("click", async () => {
  const response = await fetchAuth("/api/time"); // renews a dead token and asks again
  if (response.ok) $("time").textContent = (await response.json()).time;
});

$("sign-out").addEventListener("click", async () => {
  await signOut();
  $("time").textContent = "";
  await show();
});

await show();
