#pragma once

#include <set>
#include <string>

namespace remuda {

// What a run has found to be wrong, each once.
//
// Thread: confined to its run.
class Problems {
 public:
  void Expect(bool holds, const std::string& invariant) {
    if (!holds) found_.insert(invariant);
  }
  const std::set<std::string>& found() const { return found_; }

 private:
  std::set<std::string> found_;
};

}  // namespace remuda
