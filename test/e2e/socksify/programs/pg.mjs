import pg from "pg";

const connectionString = "postgres://postgres:secret@v6.test:5432/postgres";
const pool = new pg.Pool({ connectionString, max: 4 });
const results = await Promise.all([1, 2, 3, 4, 5].map((n) => pool.query("select $1::int * 2 as twice", [n])));
console.log(results.map(({ rows }) => rows[0].twice).join());
const { rows } = await pool.query("select family(inet_server_addr()) as family, repeat('x', 1000000) as long");
console.log(rows[0].family, rows[0].long.length);
await pool.end();
await new pg.Client({ connectionString: connectionString.replace("5432", "99") }).connect().catch(({ code }) =>
  console.log(code)
);
