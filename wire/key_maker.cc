#include "wire/key_maker.h"

#include <filesystem>
#include <set>
#include <system_error>

#include "wire/private_file.h"

namespace remuda {
namespace {

bool Exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(std::filesystem::symlink_status(path, error));
}

absl::Status CheckNames(const std::string& folder,
                        const std::vector<KeyToMake>& wanted) {
  std::set<std::string> names;
  for (const KeyToMake& one : wanted) {
    const std::string& name = one.identity.name;
    if (!IsIdentityName(name)) {
      return absl::InvalidArgumentError(
          "\"" + name +
          "\" is no name for a key: small letters, digits, and after the "
          "first also _ . -; 63 at most");
    }
    if (!names.insert(name).second) {
      return absl::InvalidArgumentError("\"" + name + "\" is named twice");
    }
    for (const std::string& path : {folder + "/allowed/" + name + ".json",
                                    folder + "/peers/" + name + ".key"}) {
      if (!Exists(path)) continue;
      return absl::AlreadyExistsError(
          path + " is there already; choose another name, or delete " +
          "allowed/" + name + ".json and peers/" + name +
          ".key to replace the key");
    }
  }
  return absl::OkStatus();
}

absl::Status WriteSecret(const std::string& path, std::string content) {
  const absl::Status written = WriteNewSecretFile(path, content);
  Wipe(content);
  return written;
}

}  // namespace

absl::StatusOr<MadeKeys> MakeKeys(const std::string& folder,
                                  const std::vector<KeyToMake>& wanted) {
  const absl::Status named = CheckNames(folder, wanted);
  if (!named.ok()) return named;
  for (const char* inner : {"", "/allowed", "/peers"}) {
    const absl::Status made = MakeSecretFolder(folder + inner);
    if (!made.ok()) return made;
  }
  MadeKeys made;
  made.server_key = folder + "/server.key";
  made.server_is_new = !Exists(made.server_key);
  if (made.server_is_new) {
    const absl::Status written =
        WriteSecret(made.server_key, ServerKeyText(MakeKeyPair()));
    if (!written.ok()) return written;
  }
  // Read back, so that what was written or found is known to work.
  absl::StatusOr<KeyPair> server = LoadServerKey(made.server_key);
  if (!server.ok()) return server.status();
  for (const KeyToMake& one : wanted) {
    const PeerKey key = {.name = one.identity.name,
                         .pair = MakeKeyPair(),
                         .server = server->public_key};
    const AllowEntry entry = {.identity = one.identity,
                              .key = key.pair.public_key,
                              .sessions = one.sessions};
    MadeKeys::Peer peer = {
        .identity = one.identity,
        .key = folder + "/peers/" + one.identity.name + ".key",
        .entry = folder + "/allowed/" + one.identity.name + ".json"};
    absl::Status written = WriteSecret(peer.key, PeerKeyText(key));
    if (!written.ok()) return written;
    written = WriteNewSecretFile(peer.entry, AllowEntryText(entry));
    if (!written.ok()) return written;
    made.peers.push_back(std::move(peer));
  }
  return made;
}

}  // namespace remuda
