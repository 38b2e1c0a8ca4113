"""netlab - a throw-away network on one machine, to test diagnosis of COS connectivity.

    client -- r1 -- r2 -- r3 -- server       client: run your program here
               |           |                 server: stands in for COS on ports 80 and 443
             dns1        dns2                dns1: VPC or ISP resolver, dns2: public resolver

In some scenarios the client is a VM in Tencent's cloud. There dns1 is also Tencent's resolvers
183.60.83.19 and 183.60.82.98, and r1 has the metadata service at 169.254.0.23; elsewhere nobody
answers under these addresses. dns2 is also DNSPod's public resolver 119.29.29.29, everywhere.

Every host is a process in a network and mount namespace of its own; nothing is attached to the
machine's real network, no namespace gets a name, and all of it vanishes when the lab's supervisor
ends. It works as root, and as any user who may create user namespaces (`unshare -rn true`).

  netlab list                                 the scenarios
  netlab up SCENARIO [--delay MS ...]         build a lab; ready when the command returns
  netlab exec [-u] HOST -- CMD ARGS...        run CMD on a host; -u: without any privilege
  netlab status                               hosts, addresses and files of the lab, as JSON
  netlab down                                 remove the lab
  netlab run SCENARIO [-u] -- CMD ARGS...     up, run CMD on the client, down; exit status of CMD
  netlab doctor                               what this machine lacks, if anything

Here `netlab` stands for `python3 tests/netlab`.
--name NAME before the verb picks one of several labs that exist side by side (default: default).
On the client NETLAB_CA names the lab CA's certificate, which the client's system store holds too.
Needs: Linux, Python 3.10+, iproute2, nftables, openssl; for some scenarios dnsmasq, nginx and /dev/net/tun.
"""

from __future__ import annotations

import sys

sys.dont_write_bytecode = True  # before the imports below, which would leave a __pycache__ here

import argparse  # noqa: E402
import json  # noqa: E402
import signal  # noqa: E402
from dataclasses import replace  # noqa: E402

from commands import LabError  # noqa: E402
from doctor import doctor  # noqa: E402
from lab import Lab  # noqa: E402
from network import HOSTS  # noqa: E402
from scenario import Scenario  # noqa: E402
from scenarios import SCENARIOS, find_scenario  # noqa: E402


def parse_args(argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Options, and the command after `--`."""
    command: list[str] = []
    if "--" in argv:
        cut = argv.index("--")
        argv, command = argv[:cut], argv[cut + 1 :]
    parser = argparse.ArgumentParser(
        prog="netlab", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--name", default="default", help="name of the lab")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs.add_parser("list", help="list the scenarios")
    verbs.add_parser("status", help="describe the lab as JSON")
    verbs.add_parser("down", help="remove the lab")
    verbs.add_parser("doctor", help="look for what is missing on this machine")
    entering = verbs.add_parser("exec", help="run a command on a host")
    entering.add_argument("host", choices=HOSTS)
    building = verbs.add_parser("up", help="build a lab")
    running = verbs.add_parser("run", help="build a lab, run a command on the client, remove the lab")
    for verb in (building, running):
        verb.add_argument("scenario")
        wire = verb.add_argument_group("the link r2-r3, per direction (instead of the scenario's figures)")
        wire.add_argument("--delay", type=float, dest="delay_ms", metavar="MS")
        wire.add_argument("--jitter", type=float, dest="jitter_ms", metavar="MS")
        wire.add_argument("--loss", type=float, dest="loss_pct", metavar="PCT")
        wire.add_argument("--dup", type=float, dest="dup_pct", metavar="PCT")
        wire.add_argument("--reorder", type=float, dest="reorder_pct", metavar="PCT")
        wire.add_argument("--rate", type=float, dest="rate_mbit", metavar="MBIT")
        wire.add_argument("--seed", type=int, default=1, help="of the wire's dice (default 1)")
    for verb in (entering, running):
        verb.add_argument("-u", "--unprivileged", action="store_true", help="drop every privilege")
    args = parser.parse_args(argv)
    if args.verb in ("exec", "run") and not command:
        parser.error(f"{args.verb} needs a command after --")
    return args, command


def wanted_scenario(args: argparse.Namespace) -> Scenario:
    """The scenario, with the wire's figures that the command line gives."""
    scenario = find_scenario(args.scenario)
    figures = ("delay_ms", "jitter_ms", "loss_pct", "dup_pct", "reorder_pct", "rate_mbit")
    given = {name: value for name in figures if (value := getattr(args, name)) is not None}
    try:
        return replace(scenario, wire=replace(scenario.wire, **given))
    except ValueError as error:
        raise LabError(str(error)) from None


def run_once(lab: Lab, args: argparse.Namespace, command: list[str]) -> int:
    """Build the lab for one command on the client; the command's exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the lab is removed
    lab.up(args.scenario, wanted_scenario(args), args.seed, attached=True)
    try:
        return lab.execute("client", command, args.unprivileged)
    finally:
        lab.down()


def main(argv: list[str]) -> int:
    args, command = parse_args(argv)
    lab = Lab(args.name)
    if args.verb == "list":
        for name, scenario in SCENARIOS.items():
            print(f"{name:28} {scenario.summary}")
    elif args.verb == "doctor":
        return doctor()
    elif args.verb == "status":
        print(json.dumps(lab.info(), indent=2))
    elif args.verb == "down":
        lab.down()
    elif args.verb == "up":
        lab.up(args.scenario, wanted_scenario(args), args.seed)
    elif args.verb == "exec":
        lab.become(args.host, command, args.unprivileged)
    elif args.verb == "run":
        return run_once(lab, args, command)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (LabError, OSError) as problem:
        print(f"netlab: {problem}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
