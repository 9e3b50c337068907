/** Gives names fake addresses that a restart keeps, and finds the names again: main.ts FILE NAME... */
import process from "node:process";
import { FakeAddresses, FileJournal, systemClock } from "../../mod.ts";

const [file = "", ...names] = process.argv.slice(2);
const table = new FakeAddresses({ clock: systemClock, journal: new FileJournal(file) });
for (const name of names) {
  const fake = table.fake(name);
  if (fake) console.log(`${fake.ipv4} ${fake.ipv6} ${table.nameOf(fake.ipv6)}`);
  else console.log(`${name} is an address, so it needs none`);
}
