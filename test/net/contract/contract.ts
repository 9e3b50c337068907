import { addressContract } from "./address_contract.ts";
import { connectContract } from "./connect_contract.ts";
import { descriptorContract } from "./descriptor_contract.ts";
import { leavingContract } from "./leaving_contract.ts";
import { memoryContract } from "./memory_contract.ts";
import { relayContract } from "./relay_contract.ts";
import { resetContract } from "./reset_contract.ts";
import { type Subject, Suite } from "./suite.ts";
import { tcpContract } from "./tcp_contract.ts";
import { udpContract } from "./udp_contract.ts";

/** What every adapter must do: declares the tests for one of them. */
export function contract(subject: Subject): void {
  const suite = new Suite(subject);
  tcpContract(suite);
  resetContract(suite);
  leavingContract(suite);
  connectContract(suite);
  relayContract(suite);
  udpContract(suite);
  addressContract(suite);
  descriptorContract(suite);
  memoryContract(suite);
  suite.finish();
}
