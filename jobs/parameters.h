#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jobs/ids.h"

namespace remuda {

// The `with:` block of a job with its templates found: {{item}}, {{index}},
// {{item.key}}, {{column}}. A value that is one whole template keeps the
// item's type; inside longer text it becomes text. `\{{` is literal.
//
// Thread: immutable after Parse; any thread may Render.
class ParameterTemplate {
 public:
  // Many templates in a text and a large item multiply; this ends it.
  static constexpr size_t kRenderedBytesMax = 1u << 20;

  // A template of no parameters, `{}`.
  ParameterTemplate();

  // `with` is a JSON object.
  // Errors: InvalidArgument for a malformed template or JSON.
  static absl::StatusOr<ParameterTemplate> Parse(const std::string& with);

  // The parameters of one task as JSON text. `item` is JSON text. Without any
  // template this hands out the same text each time and costs no parsing.
  // Errors: InvalidArgument if the item lacks a key that the template names,
  //         or if the result is over kRenderedBytesMax.
  absl::StatusOr<std::string> Render(const std::string& item,
                                     TaskIndex index) const;

  // The way to each member of the item that a template names, in the order of
  // the text: {"a", "b"} for {{item.a.b}}, one name for a column.
  std::vector<std::vector<std::string>> MemberPaths() const;

  // True if Render gives the same text for every task.
  bool is_constant() const;

 private:
  struct Tree;
  // Shared: the parsed tree is immutable and copied with every JobWork.
  std::shared_ptr<const Tree> tree_;
};

}  // namespace remuda
