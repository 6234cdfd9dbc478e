#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "wire/access.h"
#include "wire/curve_key.h"

namespace remuda {

// A folder of keys, as `remuda keygen` makes it:
//   server.key          the coordinator's pair
//   allowed/NAME.json   whom the coordinator admits, and as what
//   peers/NAME.key      to be carried to that peer
// docs/KEYS.md describes the files. Reading one is strict: what is not known,
// or fits nowhere, is an error that names the file.

// What agents and clients connect with.
struct PeerKey {
  std::string name;
  KeyPair pair;
  PublicKey server;
};

// Whom the coordinator admits.
struct AllowEntry {
  static constexpr uint32_t kSessionsMax = 10'000;

  Identity identity;
  PublicKey key;
  uint32_t sessions = 1;  // of agents, at once

  friend bool operator==(const AllowEntry&, const AllowEntry&) = default;
};

// Immutable once read, so that threads may share it.
struct AllowList {
  static constexpr size_t kEntriesMax = 10'000;

  std::map<PublicKey, std::shared_ptr<const AllowEntry>> by_key;
};

// Errors: InvalidArgument, whether the content will not do, or the file's
// rights (see private_file.h), or there is none.
absl::StatusOr<KeyPair> LoadServerKey(const std::string& path);
absl::StatusOr<PeerKey> LoadPeerKey(const std::string& path);
absl::StatusOr<AllowEntry> LoadAllowEntry(const std::string& path);

// All of a folder, or an error for the first file that will not do. Files
// whose name begins with a dot are passed over.
absl::StatusOr<AllowList> LoadAllowList(const std::string& folder);

// The contents of such files.
std::string ServerKeyText(const KeyPair& pair);
std::string PeerKeyText(const PeerKey& key);
std::string AllowEntryText(const AllowEntry& entry);

// [a-z0-9][a-z0-9_.-]{0,62}, as an identity's name has to be.
bool IsIdentityName(std::string_view name);

}  // namespace remuda
