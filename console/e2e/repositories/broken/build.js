// Fails as builds do, with colours and with text that must not become markup.
console.log("\u001b[36minfo\u001b[0m  reading pages/");
console.log("\u001b[33mwarn\u001b[0m  pages/old.md is deprecated");
console.log("\u001b[36minfo\u001b[0m  <img src=x onerror=alert(1)> is only text");
console.error("\u001b[1m\u001b[31merror\u001b[0m pages/shop.md:14:3 Cannot find the picture \u001b[1mharbour.jpg\u001b[0m");
console.error("\u001b[31mBuild failed with 1 error\u001b[0m");
process.exit(1);
