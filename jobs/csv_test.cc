#include "jobs/csv.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

using Record = std::vector<std::string>;

std::vector<Record> ReadAll(std::string_view text) {
  CsvReader reader(text);
  std::vector<Record> records;
  while (true) {
    const auto record = reader.Next();
    EXPECT_TRUE(record.ok()) << record.status();
    if (!record.ok() || !record->has_value()) return records;
    records.push_back(**record);
  }
}

std::string Refusal(std::string_view text) {
  CsvReader reader(text);
  while (true) {
    const auto record = reader.Next();
    if (!record.ok()) return std::string(record.status().message());
    if (!record->has_value()) return "no error";
  }
}

TEST(CsvReaderTest, FieldsAndRecords) {
  EXPECT_EQ(ReadAll("a,b\n1,2\n"),
            (std::vector<Record>{{"a", "b"}, {"1", "2"}}));
  EXPECT_EQ(ReadAll("a,b\r\n1,2"),
            (std::vector<Record>{{"a", "b"}, {"1", "2"}}));
  EXPECT_EQ(ReadAll("a,,\n"), (std::vector<Record>{{"a", "", ""}}));
  EXPECT_EQ(ReadAll("\n\r\n a \n\n"), (std::vector<Record>{{" a "}}));
  EXPECT_TRUE(ReadAll("").empty());
}

TEST(CsvReaderTest, QuotesHoldCommasQuotesAndLines) {
  EXPECT_EQ(ReadAll("\"a,b\",\"say \"\"hi\"\"\",\"two\r\nlines\"\nx,y,z\n"),
            (std::vector<Record>{{"a,b", "say \"hi\"", "two\r\nlines"},
                                 {"x", "y", "z"}}));
  EXPECT_EQ(ReadAll("\"\""), (std::vector<Record>{{""}}));
}

TEST(CsvReaderTest, LinesAreCountedOverQuotedOnes) {
  CsvReader reader("h\n\"a\nb\"\n\nlast\n");
  ASSERT_TRUE(reader.Next().ok());
  EXPECT_EQ(reader.line(), 1);
  ASSERT_TRUE(reader.Next().ok());
  EXPECT_EQ(reader.line(), 2);
  ASSERT_TRUE(reader.Next().ok());
  EXPECT_EQ(reader.line(), 5);
}

TEST(CsvReaderTest, MisplacedQuotesAreRefused) {
  EXPECT_EQ(Refusal("a\nb\"c\n").substr(0, 14), "line 2: a quot");
  EXPECT_EQ(Refusal("a\n\"b\"c\n"),
            "line 2: text after a closing quote; is a comma missing?");
  EXPECT_EQ(Refusal("a\nb\n\"c\nd\ne\n"),
            "line 3: a quote is opened here and never closed");
  EXPECT_EQ(Refusal(std::string(CsvReader::kFieldsMax, ',')),
            "line 1: more than 1000 columns");
}

}  // namespace
}  // namespace remuda
