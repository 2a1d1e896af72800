import { expect, it } from "vitest";
import { projectNameFor, repositoryAddress, repositoryName } from "./repository";

it.each([
  ["https://github.com/team/shop.git", "github.com/team/shop"],
  ["ssh://git@host.example:2222/team/shop", "host.example:2222/team/shop"],
  ["https://user@host.example/shop/", "host.example/shop"],
])("calls %s %s", (address, name) => {
  expect(repositoryName(address)).toBe(name);
});

it.each([
  ["https://github.com/team/My_Shop.git", "", "my-shop"],
  ["https://github.com/team/shop", "apps/web/", "web"],
  ["git@github.com:team/shop.git", ".", "shop"],
  ["", "", ""],
])("names a project of %s in %s %s", (address, root, name) => {
  expect(projectNameFor(address, root)).toBe(name);
});

it.each([
  [" https://github.com/team/shop ", "https://github.com/team/shop"],
  ["git@github.com:team/shop.git", "ssh://git@github.com/team/shop.git"],
  ["github.com/team/shop", "https://github.com/team/shop"],
  ["ssh://git@github.com/team/shop", "ssh://git@github.com/team/shop"],
  ["http://127.0.0.1:3000/shop.git", "http://127.0.0.1:3000/shop.git"],
])("takes %s for %s", (pasted, address) => {
  expect(repositoryAddress(pasted)).toBe(address);
});
