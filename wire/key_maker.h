#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "wire/key_files.h"

namespace remuda {

// A key to be made.
struct KeyToMake {
  Identity identity;
  uint32_t sessions = 1;  // of an agent
};

struct MadeKeys {
  bool server_is_new = false;
  std::string server_key;  // paths
  struct Peer {
    Identity identity;
    std::string key;    // to be carried to the peer
    std::string entry;  // what admits it
  };
  std::vector<Peer> peers;
};

// Makes the folder and the coordinator's key unless they are there, and a key
// and an entry for each that was asked for. Overwrites nothing: all names are
// checked before the first file is written, and a run that was cut short may
// leave a key without its entry, which admits nobody.
//
// Errors: AlreadyExists for a name that is taken; InvalidArgument for what is
// no name, or two of a kind; those of private_file.h.
absl::StatusOr<MadeKeys> MakeKeys(const std::string& folder,
                                  const std::vector<KeyToMake>& wanted);

}  // namespace remuda
