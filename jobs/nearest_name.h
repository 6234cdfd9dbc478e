#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace remuda {

// The candidate that a mistyped `name` most likely meant: the one the fewest
// edits away (insert, delete, replace, swap neighbours; case is free), if that
// is few for its length. Empty if none is near.
std::string NearestName(std::string_view name,
                        const std::vector<std::string>& candidates);

// ", did you mean 'x'?" or, if nothing is near and the candidates are few,
// "; possible are a, b and c". Empty without candidates.
std::string DidYouMean(std::string_view name,
                       const std::vector<std::string>& candidates);

// "a", "a and b", "a, b and c".
std::string JoinNames(const std::vector<std::string>& names);

}  // namespace remuda
