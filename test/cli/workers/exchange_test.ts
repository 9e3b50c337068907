import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { Exchange, type Letter } from "../../../src/cli/workers/messages/exchange.ts";
import { Cut } from "../../../src/net/cut.ts";
import { NetError, type NetErrorKind } from "../../../src/net/error.ts";

interface Question {
  readonly type: "q";
  readonly text: string;
}

const is = (kind: NetErrorKind) => (error: unknown) => error instanceof NetError && error.kind === kind;
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Two threads in one: `here` asks, and `there` answers when it is told to. */
function pair() {
  const asked: { text: string; unwanted: Cut; answer(value: string): void; refuse(error: Error): void }[] = [];
  const letters: string[] = [];
  const told = (letter: Letter<Question>) => {
    letters.push(letter.type);
    return structuredClone(letter);
  };
  const here: Exchange<Question, Question> = new Exchange((letter) => there.take(told(letter)), () => {});
  const there: Exchange<Question, Question> = new Exchange(
    (letter) => here.take(told(letter)),
    ({ text }, unwanted) =>
      new Promise((resolve, reject) => asked.push({ text, unwanted, answer: resolve, refuse: reject })),
  );
  return { here, there, asked, letters, ask: (text: string, cut?: Cut) => here.ask({ type: "q", text }, [], cut) };
}

test("each request gets its own answer, or its error with the kind", async () => {
  const { asked, ask } = pair();
  const answers = [ask("a"), ask("b")] as const;
  asked[1]!.answer("B");
  asked[0]!.refuse(new NetError("no-such-name", "Cannot: no"));
  equal(await answers[1], "B");
  await rejects(answers[0], is("no-such-name"));
});

test("a cancelled request is cancelled in the other thread, and returns no answer", async () => {
  const { asked, ask, letters } = pair();
  const cut = new Cut();
  const [gone, stays] = [ask("gone", cut), ask("stays")];
  ok(!asked[0]!.unwanted.made);
  cut.make();
  await rejects(gone, is("aborted"));
  ok(asked[0]!.unwanted.made);
  ok(!asked[1]!.unwanted.made);
  asked[0]!.answer("for nobody");
  asked[1]!.answer("here");
  equal(await stays, "here");
  await settled();
  deepEqual(letters, ["question", "question", "called-off", "answer"]);
});

test("a cut before the request sends nothing, and a cut after the answer cancels nothing", async () => {
  const { asked, ask, letters } = pair();
  const before = new Cut(), after = new Cut();
  before.make();
  await rejects(ask("never", before), is("aborted"));
  equal(asked.length, 0);
  const answered = ask("asked", after);
  asked[0]!.answer("yes");
  equal(await answered, "yes");
  after.make();
  deepEqual(letters, ["question", "answer"]);
});

test("requests of a dead thread are cancelled, and requests to it fail", async () => {
  const { here, there, asked, ask } = pair();
  const answer = ask("a");
  there.abandon();
  ok(asked[0]!.unwanted.made);
  here.abandon();
  await rejects(answer, is("closed"));
});
