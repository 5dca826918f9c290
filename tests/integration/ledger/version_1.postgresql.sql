-- What the program of version 1 made, before there were migrations; with a few rows.
CREATE TABLE accounts (
    account TEXT NOT NULL,
    connected BOOLEAN NOT NULL,
    status TEXT NOT NULL,
    balance NUMERIC,
    equity NUMERIC,
    checked_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (account)
);
INSERT INTO accounts (account, connected, status, balance, equity, checked_at) VALUES ('daivon_frazier:kraken', true, 'ready', '1034.5500', NULL, 1795233364.25);
CREATE TABLE commands (
    id BIGSERIAL NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL,
    result TEXT,
    created_at DOUBLE PRECISION NOT NULL,
    taken_at DOUBLE PRECISION,
    finished_at DOUBLE PRECISION,
    PRIMARY KEY (id)
);
CREATE INDEX ix_commands_state ON commands (state);
INSERT INTO commands (id, kind, payload, state, result, created_at, taken_at, finished_at) VALUES (1, 'trade', '{"symbol": "BTC-USD"}', 'queued', NULL, 1795233364.25, NULL, NULL);
SELECT setval('commands_id_seq', 100);
CREATE TABLE copied_coins (
    account TEXT NOT NULL,
    symbol TEXT NOT NULL,
    quantity NUMERIC DEFAULT '0' NOT NULL,
    cost NUMERIC DEFAULT '0' NOT NULL,
    PRIMARY KEY (account, symbol)
);
INSERT INTO copied_coins (account, symbol, quantity, cost) VALUES ('daivon_frazier:kraken', 'BTC-USD', '0.00734213', '498.164254713');
CREATE TABLE fills (
    trade_id TEXT NOT NULL,
    account TEXT NOT NULL,
    client_order_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side VARCHAR(32) NOT NULL,
    quantity NUMERIC DEFAULT '0' NOT NULL,
    price NUMERIC DEFAULT '0' NOT NULL,
    cost NUMERIC DEFAULT '0' NOT NULL,
    fee NUMERIC DEFAULT '0' NOT NULL,
    fee_currency TEXT DEFAULT '' NOT NULL,
    time DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (trade_id, account)
);
CREATE INDEX ix_fills_client_order_id ON fills (client_order_id);
INSERT INTO fills (trade_id, account, client_order_id, symbol, side, quantity, price, cost, fee, fee_currency, time) VALUES ('TM', 'master:kraken', '6d1b345e-2821-40e2-ad83-4ecb18a06876', 'BTC-USD', 'buy', '0.01500000', '67850.1', '1017.751500000', '1.29522', 'USD', 1795233464.3);
INSERT INTO fills (trade_id, account, client_order_id, symbol, side, quantity, price, cost, fee, fee_currency, time) VALUES ('T1', 'daivon_frazier:kraken', '40e84e7d-b265-50a1-b5db-232ddd98b513', 'BTC-USD', 'buy', '0.00734213', '67850.1', '498.164254713', '1.29522', 'USD', 1795233464.3);
CREATE TABLE order_events (
    id BIGSERIAL NOT NULL,
    client_order_id TEXT NOT NULL,
    signal_id TEXT,
    account TEXT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    from_state VARCHAR(32),
    to_state VARCHAR(32),
    detail TEXT DEFAULT '' NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX ix_order_events_order ON order_events (signal_id, client_order_id);
INSERT INTO order_events (id, client_order_id, signal_id, account, at, from_state, to_state, detail) VALUES (1, '6d1b345e-2821-40e2-ad83-4ecb18a06876', NULL, 'master:kraken', 1795233464.25, NULL, 'SUBMITTING', '');
INSERT INTO order_events (id, client_order_id, signal_id, account, at, from_state, to_state, detail) VALUES (2, '6d1b345e-2821-40e2-ad83-4ecb18a06876', NULL, 'master:kraken', 1795233464.25, 'SUBMITTING', 'ACCEPTED', 'OQCLML-BW3P3-BUCMWZ');
INSERT INTO order_events (id, client_order_id, signal_id, account, at, from_state, to_state, detail) VALUES (3, '6d1b345e-2821-40e2-ad83-4ecb18a06876', NULL, 'master:kraken', 1795233464.25, 'ACCEPTED', 'FILLED', '');
INSERT INTO order_events (id, client_order_id, signal_id, account, at, from_state, to_state, detail) VALUES (4, '40e84e7d-b265-50a1-b5db-232ddd98b513', 'b1880e15-b455-54d0-afa2-fa52b60e2b9f', 'daivon_frazier:kraken', 1795233464.25, NULL, 'SUBMITTING', '');
INSERT INTO order_events (id, client_order_id, signal_id, account, at, from_state, to_state, detail) VALUES (5, 'ed46c1e7-be2e-5c28-984a-baaf6c07eb9f', 'b1880e15-b455-54d0-afa2-fa52b60e2b9f', 'tania_gilbert:kraken', 1795233464.25, NULL, 'SKIPPED', 'balance too low: has $0.50');
INSERT INTO order_events (id, client_order_id, signal_id, account, at, from_state, to_state, detail) VALUES (6, '40e84e7d-b265-50a1-b5db-232ddd98b513', 'b1880e15-b455-54d0-afa2-fa52b60e2b9f', 'daivon_frazier:kraken', 1795233464.25, 'SUBMITTING', 'ACCEPTED', 'OU22CG-KLAF2-FWUDD7');
INSERT INTO order_events (id, client_order_id, signal_id, account, at, from_state, to_state, detail) VALUES (7, '40e84e7d-b265-50a1-b5db-232ddd98b513', 'b1880e15-b455-54d0-afa2-fa52b60e2b9f', 'daivon_frazier:kraken', 1795233464.25, 'ACCEPTED', 'FILLED', '');
INSERT INTO order_events (id, client_order_id, signal_id, account, at, from_state, to_state, detail) VALUES (8, 'b6072686-712b-5267-8311-c19b4331519f', '9022292d-6ab3-5344-92d0-bcfe60b8ed5f', 'daivon_frazier:kraken', 1795233364.25, NULL, 'SUBMITTING', '');
INSERT INTO order_events (id, client_order_id, signal_id, account, at, from_state, to_state, detail) VALUES (9, 'b6072686-712b-5267-8311-c19b4331519f', '9022292d-6ab3-5344-92d0-bcfe60b8ed5f', 'daivon_frazier:kraken', 1795233364.25, 'SUBMITTING', 'UNKNOWN', 'timeout');
SELECT setval('order_events_id_seq', 100);
CREATE TABLE schema_version (
    version SERIAL NOT NULL,
    written_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (version)
);
INSERT INTO schema_version (version, written_at) VALUES (1, 1795233464.25);
CREATE TABLE signals (
    signal_id TEXT NOT NULL,
    venue VARCHAR(32) NOT NULL,
    master TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side VARCHAR(32) NOT NULL,
    price NUMERIC DEFAULT '0' NOT NULL,
    size NUMERIC DEFAULT '0' NOT NULL,
    size_type VARCHAR(32) NOT NULL,
    order_id TEXT NOT NULL,
    master_balance NUMERIC DEFAULT '0' NOT NULL,
    position_before NUMERIC,
    timestamp DOUBLE PRECISION NOT NULL,
    planned_at DOUBLE PRECISION NOT NULL,
    observe_only BOOLEAN NOT NULL,
    PRIMARY KEY (signal_id)
);
CREATE INDEX ix_signals_order ON signals (master, order_id);
CREATE INDEX ix_signals_planned_at ON signals (planned_at);
INSERT INTO signals (signal_id, venue, master, symbol, side, price, size, size_type, order_id, master_balance, position_before, timestamp, planned_at, observe_only) VALUES ('b1880e15-b455-54d0-afa2-fa52b60e2b9f', 'kraken', 'master:kraken', 'BTC-USD', 'buy', '67850.1', '0.01500000', 'base', 'OQCLML-BW3P3-BUCMWZ', '10250.7731', '0.10000000', 1795233464.23, 1795233464.25, false);
INSERT INTO signals (signal_id, venue, master, symbol, side, price, size, size_type, order_id, master_balance, position_before, timestamp, planned_at, observe_only) VALUES ('9022292d-6ab3-5344-92d0-bcfe60b8ed5f', 'kraken', 'master:kraken', 'BTC-USD', 'sell', '67850.1', '0.01500000', 'base', 'O2', '10250.7731', '0.10000000', 1795233464.23, 1795233364.25, false);
CREATE TABLE switches (
    name TEXT NOT NULL,
    reason TEXT NOT NULL,
    set_by TEXT NOT NULL,
    set_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (name)
);
INSERT INTO switches (name, reason, set_by, set_at) VALUES ('kill', 'prices look wrong', 'operator', 1795233364.25);
CREATE TABLE copies (
    client_order_id TEXT NOT NULL,
    signal_id TEXT NOT NULL,
    account TEXT NOT NULL,
    user_id TEXT NOT NULL,
    venue VARCHAR(32) NOT NULL,
    symbol TEXT NOT NULL,
    side VARCHAR(32) NOT NULL,
    code TEXT DEFAULT '' NOT NULL,
    note TEXT DEFAULT '' NOT NULL,
    attempt INTEGER NOT NULL,
    balance NUMERIC DEFAULT '0' NOT NULL,
    quantity NUMERIC DEFAULT '0' NOT NULL,
    quote_value NUMERIC DEFAULT '0' NOT NULL,
    price NUMERIC DEFAULT '0' NOT NULL,
    deadline DOUBLE PRECISION NOT NULL,
    planned_at DOUBLE PRECISION NOT NULL,
    milliseconds DOUBLE PRECISION,
    state VARCHAR(32) NOT NULL,
    reason TEXT DEFAULT '' NOT NULL,
    order_id TEXT,
    executed NUMERIC DEFAULT '0' NOT NULL,
    average_price NUMERIC DEFAULT '0' NOT NULL,
    cost NUMERIC DEFAULT '0' NOT NULL,
    fee NUMERIC DEFAULT '0' NOT NULL,
    fee_currency TEXT DEFAULT '' NOT NULL,
    answered_at DOUBLE PRECISION,
    settled_at DOUBLE PRECISION,
    PRIMARY KEY (client_order_id),
    CONSTRAINT one_copy_of_a_signal_per_account UNIQUE (signal_id, account),
    FOREIGN KEY(signal_id) REFERENCES signals (signal_id)
);
CREATE INDEX ix_copies_planned_at ON copies (planned_at);
CREATE INDEX ix_copies_state ON copies (state);
INSERT INTO copies (client_order_id, signal_id, account, user_id, venue, symbol, side, code, note, attempt, balance, quantity, quote_value, price, deadline, planned_at, milliseconds, state, reason, order_id, executed, average_price, cost, fee, fee_currency, answered_at, settled_at) VALUES ('40e84e7d-b265-50a1-b5db-232ddd98b513', 'b1880e15-b455-54d0-afa2-fa52b60e2b9f', 'daivon_frazier:kraken', 'daivon_frazier', 'kraken', 'BTC-USD', 'buy', '', 'capped at 10 % of the balance', 1, '1034.5500', '0.00734213', '498.16', '67850.1', 1795233469.25, 1795233464.25, 31.25, 'FILLED', '', 'OU22CG-KLAF2-FWUDD7', '0.00734213', '67850.1', '498.164254713', '1.29522', 'USD', 1795233464.25, 1795233464.25);
INSERT INTO copies (client_order_id, signal_id, account, user_id, venue, symbol, side, code, note, attempt, balance, quantity, quote_value, price, deadline, planned_at, milliseconds, state, reason, order_id, executed, average_price, cost, fee, fee_currency, answered_at, settled_at) VALUES ('ed46c1e7-be2e-5c28-984a-baaf6c07eb9f', 'b1880e15-b455-54d0-afa2-fa52b60e2b9f', 'tania_gilbert:kraken', 'tania_gilbert', 'kraken', 'BTC-USD', 'buy', 'balance too low', '', 1, '1034.5500', '0', '0', '67850.1', 1795233469.25, 1795233464.25, NULL, 'SKIPPED', 'balance too low: has $0.50', NULL, '0', '0', '0', '0', '', NULL, NULL);
INSERT INTO copies (client_order_id, signal_id, account, user_id, venue, symbol, side, code, note, attempt, balance, quantity, quote_value, price, deadline, planned_at, milliseconds, state, reason, order_id, executed, average_price, cost, fee, fee_currency, answered_at, settled_at) VALUES ('b6072686-712b-5267-8311-c19b4331519f', '9022292d-6ab3-5344-92d0-bcfe60b8ed5f', 'daivon_frazier:kraken', 'daivon_frazier', 'kraken', 'BTC-USD', 'sell', 'timeout', 'capped at 10 % of the balance', 1, '1034.5500', '0.00734213', '498.16', '67850.1', 1795233469.25, 1795233364.25, NULL, 'UNKNOWN', 'timeout', NULL, '0', '0', '0', '0', '', 1795233364.25, NULL);
CREATE TABLE master_orders (
    client_order_id TEXT NOT NULL,
    account TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side VARCHAR(32) NOT NULL,
    quantity NUMERIC DEFAULT '0' NOT NULL,
    price NUMERIC DEFAULT '0' NOT NULL,
    balance_before NUMERIC DEFAULT '0' NOT NULL,
    position_before NUMERIC DEFAULT '0' NOT NULL,
    intended_at DOUBLE PRECISION NOT NULL,
    signal_id TEXT,
    state VARCHAR(32) NOT NULL,
    reason TEXT DEFAULT '' NOT NULL,
    order_id TEXT,
    executed NUMERIC DEFAULT '0' NOT NULL,
    average_price NUMERIC DEFAULT '0' NOT NULL,
    cost NUMERIC DEFAULT '0' NOT NULL,
    fee NUMERIC DEFAULT '0' NOT NULL,
    fee_currency TEXT DEFAULT '' NOT NULL,
    answered_at DOUBLE PRECISION,
    settled_at DOUBLE PRECISION,
    PRIMARY KEY (client_order_id),
    FOREIGN KEY(signal_id) REFERENCES signals (signal_id)
);
CREATE INDEX ix_master_orders_order ON master_orders (account, order_id);
INSERT INTO master_orders (client_order_id, account, symbol, side, quantity, price, balance_before, position_before, intended_at, signal_id, state, reason, order_id, executed, average_price, cost, fee, fee_currency, answered_at, settled_at) VALUES ('6d1b345e-2821-40e2-ad83-4ecb18a06876', 'master:kraken', 'BTC-USD', 'buy', '0.01500000', '67850.1', '10250.7731', '0.10000000', 1795233464.25, 'b1880e15-b455-54d0-afa2-fa52b60e2b9f', 'FILLED', '', 'OQCLML-BW3P3-BUCMWZ', '0.01500000', '67850.1', '1017.751500000', '1.29522', 'USD', 1795233464.25, 1795233464.25);
