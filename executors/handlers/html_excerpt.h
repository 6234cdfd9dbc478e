#pragma once

#include <string>
#include <string_view>

namespace remuda {

// A small, flat page with the same first title, base and links as this one, in
// the same order: links become <area>, which cannot nest. A tree of the whole
// page costs several times as much, and on a hostile page the square of its
// depth; this takes one pass. It follows the tokenizer of the HTML standard but
// builds no tree, so a link that the tree would drop, say one inside <select>,
// is kept.
std::string HtmlExcerpt(std::string_view page);

}  // namespace remuda
