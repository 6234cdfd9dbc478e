#pragma once

#include <string>

namespace remuda {

// The JSON schema (draft 2020-12) of one document of a spec, from the table
// of keys and the facts of the job types.
std::string SchemaJson();

// The same as Markdown tables: the reference part of docs/SPEC.md.
std::string ReferenceMarkdown();

}  // namespace remuda
