import { expect, it } from "vitest";
import { entryOf } from "./entry";

it.each([
  ["git@github.com:team/shop.git", "ssh"],
  ["deploy@git.example.com:shop.git", "ssh"],
  ["ssh://git@git.example.com:2222/team/shop.git", "ssh"],
  ["https://github.com/team/shop", "https"],
  ["https://ada@git.example.com:8443/shop.git", "https"],
  ["http://127.0.0.1:3000/shop.git", "http"],
])("%s is entered by %s", (repository, entry) => {
  expect(entryOf(repository)).toBe(entry);
});
