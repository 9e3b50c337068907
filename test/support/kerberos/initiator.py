"""GSSAPI contexts that a test steers by lines: initiators of Debian's python3-gssapi, which shares no code with gate46.

new CCACHE TARGET FLAG,FLAG… -> ID; step ID HEX -> HEX|- done|more; wrap ID 0|1 HEX -> HEX; unwrap ID HEX -> HEX|- 0|1; close ID -> ok
"""
import sys

import gssapi
from gssapi.raw import acquire_cred_from

contexts = []
for line in sys.stdin:
    command, *words = line.split()
    try:
        if command == "new":
            ccache, target, flags = words
            kind = gssapi.NameType.kerberos_principal if "/" in target else gssapi.NameType.hostbased_service
            credentials = gssapi.Credentials(base=acquire_cred_from({b"ccache": ccache.encode()}, usage="initiate").creds)
            wanted = [getattr(gssapi.RequirementFlag, flag) for flag in flags.split(",") if flag not in ("none", "spnego")]
            contexts.append(gssapi.SecurityContext(
                name=gssapi.Name(target, kind), creds=credentials, flags=wanted, usage="initiate",
                mech=gssapi.OID.from_int_seq("1.3.6.1.5.5.2") if "spnego" in flags else gssapi.MechType.kerberos,
            ))
            answer = str(len(contexts) - 1)
        else:
            context = contexts[int(words[0])]
            octets = bytes.fromhex(words[-1]) if words[-1] != "-" else b""
            if command == "step":
                token = context.step(octets or None) or b""
                answer = f"{token.hex() or '-'} {'done' if context.complete else 'more'}"
            elif command == "wrap":
                answer = context.wrap(octets, words[1] == "1").message.hex()
            elif command == "unwrap":
                message, encrypted, _ = context.unwrap(octets)
                answer = f"{message.hex() or '-'} {int(encrypted)}"
            elif command == "close":
                contexts[int(words[0])] = None
                answer = "ok"
    except Exception as error:
        answer = f"error {error!r}".replace("\n", " ")
    print(answer, flush=True)
