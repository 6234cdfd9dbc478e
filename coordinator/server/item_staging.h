#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "wire/client_messages.h"

namespace remuda {

// The lists of items of one submission, by document. Shared with the thread
// that checks them; they do not change.
using StagedLists = std::map<uint32_t, std::shared_ptr<const std::string>>;

// Keeps the items that clients upload before they submit, within bounds. What
// they mean is for the submission to decide.
//
// Thread: confined to the control loop.
class ItemStaging {
 public:
  static constexpr uint64_t kSubmissionBytesMax = 64u << 20;
  static constexpr uint64_t kBytesMax = 256u << 20;
  static constexpr size_t kSubmissionsMax = 1'024;
  static constexpr size_t kKeyBytesMax = 128;  // as a client sends it
  // As it is kept, with its owner: coordinator/server/asker.h.
  static constexpr size_t kOwnedKeyBytesMax = kKeyBytesMax + 65;
  static constexpr Duration kIdleMax = std::chrono::seconds(60);

  // Takes a piece and returns how much of that list is here now; the client
  // goes on from there. A piece that came before is no error.
  //
  // Errors: ResourceExhausted over kSubmissionBytesMax (use files instead);
  //         Unavailable if all uploads together hold too much at present;
  //         InvalidArgument for a key or document that cannot be.
  absl::StatusOr<uint64_t> Add(const UploadItems& piece, MonotonicTime now);

  // What was uploaded under the key so far. It stays, because the submission
  // may be sent again, but goes first when room is needed.
  StagedLists Submit(const std::string& key, MonotonicTime now);

  // Drops what nobody has touched for kIdleMax.
  void DropIdle(MonotonicTime now);
  // When DropIdle() next has something to do.
  std::optional<MonotonicTime> next_time() const;

  uint64_t bytes() const { return bytes_; }

 private:
  struct Submission {
    std::map<uint32_t, std::shared_ptr<std::string>> lists;
    uint64_t bytes = 0;
    bool submitted = false;
    MonotonicTime touched{};
  };
  using Submissions = std::map<std::string, Submission>;

  void Drop(Submissions::iterator submission);
  // Drops submitted ones, oldest first, until `bytes` more fit.
  bool MakeRoom(uint64_t bytes);

  Submissions submissions_;
  uint64_t bytes_ = 0;
};

}  // namespace remuda
