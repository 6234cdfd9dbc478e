#include <string>
#include <utility>
#include <vector>

#include "cli/command.h"
#include "cli/print.h"
#include "nlohmann/json.hpp"
#include "wire/key_maker.h"

namespace remuda {
namespace {

void PrintJson(const MadeKeys& made) {
  nlohmann::ordered_json line = {{"server_key", made.server_key},
                                 {"server_is_new", made.server_is_new}};
  line["keys"] = nlohmann::ordered_json::array();
  for (const MadeKeys::Peer& peer : made.peers) {
    line["keys"].push_back({{"name", peer.identity.name},
                            {"role", RoleName(peer.identity.role)},
                            {"key", peer.key},
                            {"entry", peer.entry}});
  }
  PrintData(line.dump());
}

void Explain(const KeygenOptions& options, const MadeKeys& made) {
  if (made.server_is_new) {
    PrintData(made.server_key + "  the coordinator's own; stays where it is");
  }
  for (const MadeKeys::Peer& peer : made.peers) {
    PrintData(peer.key + "  to be carried to " + RoleName(peer.identity.role) +
              " " + peer.identity.name);
    PrintData(peer.entry + "  admits it");
  }
  PrintData("\nremuda coordinator --keys " + options.folder +
            " --listen tcp://0.0.0.0:7600 --data FOLDER");
  if (made.peers.empty()) return;
  const MadeKeys::Peer& peer = made.peers.front();
  PrintData(std::string("remuda ") +
            (peer.identity.role == Role::kAgent ? "agent" : "jobs") +
            " --key " + peer.key + " --coordinator tcp://HOST:7600");
  if (!made.server_is_new) {
    PrintData("\nA coordinator that is running reads new entries at SIGHUP.");
  }
}

}  // namespace

ExitCode KeygenCommand(const KeygenOptions& options) {
  std::vector<KeyToMake> wanted;
  const std::pair<Role, const std::vector<std::string>&> asked[] = {
      {Role::kAgent, options.agents},
      {Role::kSubmitter, options.submitters},
      {Role::kViewer, options.viewers},
      {Role::kOperator, options.operators}};
  for (const auto& [role, names] : asked) {
    for (const std::string& name : names) {
      wanted.push_back(
          {.identity = {.role = role, .name = name},
           .sessions = role == Role::kAgent ? options.sessions : 1});
    }
  }
  if (options.sessions > 1 && options.agents.empty()) {
    return Fail(absl::InvalidArgumentError(
        "--sessions belongs to keys of agents; name one with --agent"));
  }
  const absl::StatusOr<MadeKeys> made = MakeKeys(options.folder, wanted);
  if (!made.ok()) {
    PrintError(made.status());
    return ExitCode::kUsage;
  }
  if (options.json) {
    PrintJson(*made);
  } else {
    Explain(options, *made);
  }
  return ExitCode::kOk;
}

}  // namespace remuda
