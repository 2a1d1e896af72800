import "./styles/index.css";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { client } from "./api/cache";
import { session } from "./api/session";
import { router } from "./router";
import { Toasts } from "./ui/toast";

/** Leaves for the sign-in page when the session ends, wherever that was noticed; goes on where one was after it. */
session.subscribe(() => {
  if (!session.isSignedIn) client.clear();
  void router.invalidate();
});

/** After an upgrade of the server, a part that is loaded late may be gone: the new page knows where it is now. */
const RELOADED = "pierhead.reloaded";
window.addEventListener("vite:preloadError", (event) => {
  if (performance.now() < 10_000 && sessionStorage.getItem(RELOADED) !== null) return;
  event.preventDefault();
  sessionStorage.setItem(RELOADED, "yes");
  location.reload();
});

// Without an answer one is shown the sign-in page, which says so.
await session.ask().catch(() => undefined);

const root = document.getElementById("root");
if (root === null) throw new Error("The page has no place for the console.");
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <RouterProvider router={router} />
      <Toasts />
    </QueryClientProvider>
  </StrictMode>,
);
