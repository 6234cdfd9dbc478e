#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace remuda {

// Whether a submission may have been stored before, answered without asking
// the store: a Bloom filter of all keys (Bloom, "Space/time trade-offs in hash
// coding with allowable errors", 1970), four bits each of 2 MiB. Up to two
// million keys it is wrong of one new key in forty at most, and says that it
// may be known; of a known key it is never wrong.
//
// Thread: confined to its owner.
class KnownKeys {
 public:
  KnownKeys();

  void Add(std::string_view key);

  // All keys that the store had were added; until then any may be known.
  void Complete() { complete_ = true; }

  bool MayHave(std::string_view key) const;

 private:
  std::vector<uint64_t> words_;
  bool complete_ = false;
};

}  // namespace remuda
