#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"

namespace remuda {

struct HtmlPage {
  // The text of the first <title>, runs of white space made one blank, none
  // at the ends. White space is HTML's: a no-break space is text.
  std::optional<std::string> title;
  // Of <a> and <area>, in order, each once: absolute, http or https, without
  // the fragment.
  std::vector<std::string> links;
};

struct HtmlLimits {
  size_t links = 100;
  // Of CPU, and of memory for the tree of the excerpt.
  Duration time = std::chrono::seconds(5);
  size_t memory_bytes = 512 << 20;
};

// Reads a page as a browser would. `text` is UTF-8; what is not counts as
// U+FFFD. `url` is where the page came from.
// Errors: ResourceExhausted if the page is beyond the limits.
absl::StatusOr<HtmlPage> ParseHtml(const std::string& text,
                                   const std::string& url,
                                   const HtmlLimits& limits = {});

}  // namespace remuda
