import { answer, api } from "@/api/client";
import { session } from "@/api/session";

/** Ends the session here whatever the server says: whoever clicks this wants to be gone. */
export async function signOut(everywhere = false): Promise<void> {
  try {
    await answer(api.POST("/api/v1/auth/logout", { body: { everywhere } }));
  } catch (error) {
    if (everywhere) throw error;
  }
  session.end();
}
