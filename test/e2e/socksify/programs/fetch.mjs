const text = async (...args) => await (await fetch(...args)).text();
const failure = (error) =>
  error.code ?? error.cause?.code ?? (/refused/i.test(error.cause?.message) ? "refused" : error.message);
console.log(await text("http://v6.test/name"));
console.log(await text("http://[fd46:4::2]/literal"));
console.log(await text("http://v6.test/body", { method: "POST", body: "x".repeat(300_000) }));
console.log(await text("http://v6.test/moved"));
const all = await Promise.all(Array.from({ length: 20 }, (_, i) => text(`http://v6.test:${i % 2 ? 80 : 8080}/${i}`)));
console.log(all.every((answer, i) => answer.endsWith(`/${i} 0`)));
console.log(await fetch("http://v6.test:99/").catch(failure));
