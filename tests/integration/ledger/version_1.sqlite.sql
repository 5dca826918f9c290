-- What the program of version 1 made, before there were migrations; with a few rows.
BEGIN TRANSACTION;
CREATE TABLE accounts (
    account TEXT NOT NULL,
    connected BOOLEAN NOT NULL,
    status TEXT NOT NULL,
    balance TEXT,
    equity TEXT,
    checked_at DOUBLE NOT NULL,
    PRIMARY KEY (account)
);
INSERT INTO "accounts" VALUES('daivon_frazier:kraken',1,'ready','1034.5500',NULL,1795233364.25);
CREATE TABLE commands (
    id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL,
    result TEXT,
    created_at DOUBLE NOT NULL,
    taken_at DOUBLE,
    finished_at DOUBLE,
    PRIMARY KEY (id)
);
INSERT INTO "commands" VALUES(1,'trade','{"symbol": "BTC-USD"}','queued',NULL,1795233364.25,NULL,NULL);
CREATE TABLE copied_coins (
    account TEXT NOT NULL,
    symbol TEXT NOT NULL,
    quantity TEXT DEFAULT '0' NOT NULL,
    cost TEXT DEFAULT '0' NOT NULL,
    PRIMARY KEY (account, symbol)
);
INSERT INTO "copied_coins" VALUES('daivon_frazier:kraken','BTC-USD','0.00734213','498.164254713');
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
    balance TEXT DEFAULT '0' NOT NULL,
    quantity TEXT DEFAULT '0' NOT NULL,
    quote_value TEXT DEFAULT '0' NOT NULL,
    price TEXT DEFAULT '0' NOT NULL,
    deadline DOUBLE NOT NULL,
    planned_at DOUBLE NOT NULL,
    milliseconds DOUBLE,
    state VARCHAR(32) NOT NULL,
    reason TEXT DEFAULT '' NOT NULL,
    order_id TEXT,
    executed TEXT DEFAULT '0' NOT NULL,
    average_price TEXT DEFAULT '0' NOT NULL,
    cost TEXT DEFAULT '0' NOT NULL,
    fee TEXT DEFAULT '0' NOT NULL,
    fee_currency TEXT DEFAULT '' NOT NULL,
    answered_at DOUBLE,
    settled_at DOUBLE,
    PRIMARY KEY (client_order_id),
    CONSTRAINT one_copy_of_a_signal_per_account UNIQUE (signal_id, account),
    FOREIGN KEY(signal_id) REFERENCES signals (signal_id)
);
INSERT INTO "copies" VALUES('40e84e7d-b265-50a1-b5db-232ddd98b513','b1880e15-b455-54d0-afa2-fa52b60e2b9f','daivon_frazier:kraken','daivon_frazier','kraken','BTC-USD','buy','','capped at 10 % of the balance',1,'1034.5500','0.00734213','498.16','67850.1',1795233469.25,1795233464.25,31.25,'FILLED','','OU22CG-KLAF2-FWUDD7','0.00734213','67850.1','498.164254713','1.29522','USD',1795233464.25,1795233464.25);
INSERT INTO "copies" VALUES('ed46c1e7-be2e-5c28-984a-baaf6c07eb9f','b1880e15-b455-54d0-afa2-fa52b60e2b9f','tania_gilbert:kraken','tania_gilbert','kraken','BTC-USD','buy','balance too low','',1,'1034.5500','0','0','67850.1',1795233469.25,1795233464.25,NULL,'SKIPPED','balance too low: has $0.50',NULL,'0','0','0','0','',NULL,NULL);
INSERT INTO "copies" VALUES('b6072686-712b-5267-8311-c19b4331519f','9022292d-6ab3-5344-92d0-bcfe60b8ed5f','daivon_frazier:kraken','daivon_frazier','kraken','BTC-USD','sell','timeout','capped at 10 % of the balance',1,'1034.5500','0.00734213','498.16','67850.1',1795233469.25,1795233364.25,NULL,'UNKNOWN','timeout',NULL,'0','0','0','0','',1795233364.25,NULL);
CREATE TABLE fills (
    trade_id TEXT NOT NULL,
    account TEXT NOT NULL,
    client_order_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side VARCHAR(32) NOT NULL,
    quantity TEXT DEFAULT '0' NOT NULL,
    price TEXT DEFAULT '0' NOT NULL,
    cost TEXT DEFAULT '0' NOT NULL,
    fee TEXT DEFAULT '0' NOT NULL,
    fee_currency TEXT DEFAULT '' NOT NULL,
    time DOUBLE NOT NULL,
    PRIMARY KEY (trade_id, account)
);
INSERT INTO "fills" VALUES('TM','master:kraken','6d1b345e-2821-40e2-ad83-4ecb18a06876','BTC-USD','buy','0.01500000','67850.1','1017.751500000','1.29522','USD',1795233464.3);
INSERT INTO "fills" VALUES('T1','daivon_frazier:kraken','40e84e7d-b265-50a1-b5db-232ddd98b513','BTC-USD','buy','0.00734213','67850.1','498.164254713','1.29522','USD',1795233464.3);
CREATE TABLE master_orders (
    client_order_id TEXT NOT NULL,
    account TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side VARCHAR(32) NOT NULL,
    quantity TEXT DEFAULT '0' NOT NULL,
    price TEXT DEFAULT '0' NOT NULL,
    balance_before TEXT DEFAULT '0' NOT NULL,
    position_before TEXT DEFAULT '0' NOT NULL,
    intended_at DOUBLE NOT NULL,
    signal_id TEXT,
    state VARCHAR(32) NOT NULL,
    reason TEXT DEFAULT '' NOT NULL,
    order_id TEXT,
    executed TEXT DEFAULT '0' NOT NULL,
    average_price TEXT DEFAULT '0' NOT NULL,
    cost TEXT DEFAULT '0' NOT NULL,
    fee TEXT DEFAULT '0' NOT NULL,
    fee_currency TEXT DEFAULT '' NOT NULL,
    answered_at DOUBLE,
    settled_at DOUBLE,
    PRIMARY KEY (client_order_id),
    FOREIGN KEY(signal_id) REFERENCES signals (signal_id)
);
INSERT INTO "master_orders" VALUES('6d1b345e-2821-40e2-ad83-4ecb18a06876','master:kraken','BTC-USD','buy','0.01500000','67850.1','10250.7731','0.10000000',1795233464.25,'b1880e15-b455-54d0-afa2-fa52b60e2b9f','FILLED','','OQCLML-BW3P3-BUCMWZ','0.01500000','67850.1','1017.751500000','1.29522','USD',1795233464.25,1795233464.25);
CREATE TABLE order_events (
    id INTEGER NOT NULL,
    client_order_id TEXT NOT NULL,
    signal_id TEXT,
    account TEXT NOT NULL,
    at DOUBLE NOT NULL,
    from_state VARCHAR(32),
    to_state VARCHAR(32),
    detail TEXT DEFAULT '' NOT NULL,
    PRIMARY KEY (id)
);
INSERT INTO "order_events" VALUES(1,'6d1b345e-2821-40e2-ad83-4ecb18a06876',NULL,'master:kraken',1795233464.25,NULL,'SUBMITTING','');
INSERT INTO "order_events" VALUES(2,'6d1b345e-2821-40e2-ad83-4ecb18a06876',NULL,'master:kraken',1795233464.25,'SUBMITTING','ACCEPTED','OQCLML-BW3P3-BUCMWZ');
INSERT INTO "order_events" VALUES(3,'6d1b345e-2821-40e2-ad83-4ecb18a06876',NULL,'master:kraken',1795233464.25,'ACCEPTED','FILLED','');
INSERT INTO "order_events" VALUES(4,'40e84e7d-b265-50a1-b5db-232ddd98b513','b1880e15-b455-54d0-afa2-fa52b60e2b9f','daivon_frazier:kraken',1795233464.25,NULL,'SUBMITTING','');
INSERT INTO "order_events" VALUES(5,'ed46c1e7-be2e-5c28-984a-baaf6c07eb9f','b1880e15-b455-54d0-afa2-fa52b60e2b9f','tania_gilbert:kraken',1795233464.25,NULL,'SKIPPED','balance too low: has $0.50');
INSERT INTO "order_events" VALUES(6,'40e84e7d-b265-50a1-b5db-232ddd98b513','b1880e15-b455-54d0-afa2-fa52b60e2b9f','daivon_frazier:kraken',1795233464.25,'SUBMITTING','ACCEPTED','OU22CG-KLAF2-FWUDD7');
INSERT INTO "order_events" VALUES(7,'40e84e7d-b265-50a1-b5db-232ddd98b513','b1880e15-b455-54d0-afa2-fa52b60e2b9f','daivon_frazier:kraken',1795233464.25,'ACCEPTED','FILLED','');
INSERT INTO "order_events" VALUES(8,'b6072686-712b-5267-8311-c19b4331519f','9022292d-6ab3-5344-92d0-bcfe60b8ed5f','daivon_frazier:kraken',1795233364.25,NULL,'SUBMITTING','');
INSERT INTO "order_events" VALUES(9,'b6072686-712b-5267-8311-c19b4331519f','9022292d-6ab3-5344-92d0-bcfe60b8ed5f','daivon_frazier:kraken',1795233364.25,'SUBMITTING','UNKNOWN','timeout');
CREATE TABLE schema_version (
    version INTEGER NOT NULL,
    written_at DOUBLE NOT NULL,
    PRIMARY KEY (version)
);
INSERT INTO "schema_version" VALUES(1,1795233464.25);
CREATE TABLE signals (
    signal_id TEXT NOT NULL,
    venue VARCHAR(32) NOT NULL,
    master TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side VARCHAR(32) NOT NULL,
    price TEXT DEFAULT '0' NOT NULL,
    size TEXT DEFAULT '0' NOT NULL,
    size_type VARCHAR(32) NOT NULL,
    order_id TEXT NOT NULL,
    master_balance TEXT DEFAULT '0' NOT NULL,
    position_before TEXT,
    timestamp DOUBLE NOT NULL,
    planned_at DOUBLE NOT NULL,
    observe_only BOOLEAN NOT NULL,
    PRIMARY KEY (signal_id)
);
INSERT INTO "signals" VALUES('b1880e15-b455-54d0-afa2-fa52b60e2b9f','kraken','master:kraken','BTC-USD','buy','67850.1','0.01500000','base','OQCLML-BW3P3-BUCMWZ','10250.7731','0.10000000',1795233464.23,1795233464.25,0);
INSERT INTO "signals" VALUES('9022292d-6ab3-5344-92d0-bcfe60b8ed5f','kraken','master:kraken','BTC-USD','sell','67850.1','0.01500000','base','O2','10250.7731','0.10000000',1795233464.23,1795233364.25,0);
CREATE TABLE switches (
    name TEXT NOT NULL,
    reason TEXT NOT NULL,
    set_by TEXT NOT NULL,
    set_at DOUBLE NOT NULL,
    PRIMARY KEY (name)
);
INSERT INTO "switches" VALUES('kill','prices look wrong','operator',1795233364.25);
CREATE INDEX ix_signals_planned_at ON signals (planned_at);
CREATE INDEX ix_signals_order ON signals (master, order_id);
CREATE INDEX ix_order_events_order ON order_events (signal_id, client_order_id);
CREATE TRIGGER order_events_no_update BEFORE UPDATE ON order_events BEGIN SELECT RAISE(ABORT, 'order_events is append-only'); END;
CREATE TRIGGER order_events_no_delete BEFORE DELETE ON order_events BEGIN SELECT RAISE(ABORT, 'order_events is append-only'); END;
CREATE INDEX ix_fills_client_order_id ON fills (client_order_id);
CREATE INDEX ix_commands_state ON commands (state);
CREATE INDEX ix_copies_planned_at ON copies (planned_at);
CREATE INDEX ix_copies_state ON copies (state);
CREATE INDEX ix_master_orders_order ON master_orders (account, order_id);
COMMIT;
