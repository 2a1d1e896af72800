import { expect, it } from "vitest";
import { command } from "./shell";

it("quotes what a shell would take apart", () => {
  expect(command("rollback", "shop")).toBe("pierhead rollback shop");
  expect(command("env", "set", "A=b c; rm -rf $HOME")).toBe("pierhead env set 'A=b c; rm -rf $HOME'");
  expect(command("x", "it's")).toBe(`pierhead x 'it'\\''s'`);
});
