import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { LinuxSocket } from "../../../src/net/linux/tcp_socket.ts";
import { skipped } from "../../support/program/skipped.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";
import { within } from "../../support/program/until.ts";
import { certificatesFor } from "../../support/tls/certificates.ts";
import { noSealedPlace, type SealedPlace, sealedPlace } from "../../support/tls/sealed_place.ts";

const folder = temporaryFolder("tickets");

/** A handshake with openssl, which is told why it was refused. */
async function shake({ listener, tls }: SealedPlace, ...flags: readonly string[]): Promise<string> {
  const to = ["-connect", `127.0.0.1:${listener.addr.port}`, ...flags];
  const child = spawn("openssl", ["s_client", ...to], { stdio: ["pipe", "pipe", "ignore"] });
  let said = "";
  child.stdout!.setEncoding("utf8").on("data", (text: string) => said += text);
  child.stdin!.on("error", () => {});
  const over = new Promise((resolve) => child.on("close", resolve));
  const accepted = tls.accept((await listener.accept())!, { client: "127.0.0.1" });
  const told = accepted.then(async (socket) => {
    await socket.write(new TextEncoder().encode("hello"));
    await socket.closeWrite();
    while (await socket.read().catch(() => null) !== null);
    socket.close();
    return "";
  }, (error) => (error as Error).message);
  const why = await told;
  await within("openssl", over);
  return why || (/^(New|Reused), TLS/m.exec(said)?.[1] ?? said);
}

for (const version of ["-tls1_2", "-tls1_3"]) {
  const title = `TLS by libssl: a session ticket (${version}) resumes the session until the client certificate expires`;
  test(title, { skip: skipped(title, noSealedPlace), timeout: 60_000 }, async () => {
    const ann = certificatesFor("DNS:ann"), file = (name: string) => join(folder, `${name}${version}`);
    writeFileSync(file("cert"), ann.cert);
    writeFileSync(file("key"), ann.key);
    let hasExpired = false;
    const now = { X509_cmp_current_time: () => hasExpired ? -1 : 1 };
    const place = await sealedPlace({ clientCa: ann.ca, changes: now });
    const shown = [version, "-cert", file("cert"), "-key", file("key")];
    assert.equal(await shake(place, ...shown, "-sess_out", file("ticket")), "New");
    const resumed = [...shown, "-sess_in", file("ticket")];
    assert.equal(await shake(place, ...resumed), "Reused");
    hasExpired = true;
    assert.equal(await shake(place, ...resumed), "Cannot speak TLS: the certificate has expired");
    await place.close();
  });
}

test("TLS by libssl: a refused client receives the reason, also after it sent data", {
  skip: skipped("TLS by libssl: reason of a refusal", noSealedPlace),
  timeout: 60_000,
}, async () => {
  const place = await sealedPlace({ clientCa: certificatesFor("DNS:ann").ca });
  const [server, client] = await place.connection();
  const accepted = place.tls.accept(server, { client: "" }).finally(() => {
    assert.ok((server as LinuxSocket).closed, "its alert may be lost to whoever closes it now");
  });
  const connected = await place.tls.connect(client, "gw.test", { client: "" }); // TLS 1.3 lets it believe that it is in
  await connected.write(new Uint8Array(100_000));
  await assert.rejects(accepted, { message: "Cannot speak TLS: no certificate was shown" });
  await assert.rejects(connected.read(), { message: "Cannot speak TLS: the peer requires a certificate" });
  connected.close();
  await place.close();
});
