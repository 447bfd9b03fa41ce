-- The functions of Athena in the queries beside this file that DuckDB has under another name or meaning. With them the
-- queries run there as they stand, for instance on objects copied from the bucket, seen through this view:
--   CREATE VIEW ses_events AS SELECT *, filename AS "$path" FROM read_parquet(
--     'events/**', hive_partitioning = true, hive_types_autocast = false, filename = true
--   );
SET TimeZone = 'UTC';
SET lambda_syntax = 'ENABLE_SINGLE_ARROW';
CREATE OR REPLACE MACRO element_at(collection, k) AS collection[k];
CREATE OR REPLACE MACRO transform(list, f) AS list_transform(list, f);
CREATE OR REPLACE MACRO contains(list, item) AS list_contains(list, item);
CREATE OR REPLACE MACRO cardinality(list) AS len(list);
CREATE OR REPLACE MACRO array_join(list, separator) AS array_to_string(list, separator);
CREATE OR REPLACE MACRO json_format(document) AS CAST(document AS varchar);
CREATE OR REPLACE MACRO approx_percentile(x, p) AS quantile_disc(x, p);
